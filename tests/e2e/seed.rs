//! The way of the older framework: its INSERT statements, its file names, its follow-up.

use anyhow::Context;

use crate::support::{World, unique};

/// A rule as an operator of the older framework inserts it: its columns and no others.
fn inserts(feed: u32) -> String {
    format!(
        "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name, interface_desc, oprtnl_flag, created_date, \
         modified_date) VALUES ({feed}, 'PA_FLAVOR', 'Flavours', 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);
         INSERT INTO rdscnfg.ext_file_config (ext_file_config_sid, ext_interface_cid, tgt_schema_name, tgt_table_name, \
         file_prefix, file_format, file_type, delimiter, header_flag, trailer_flag, query, split_file_flag, split_prefix, \
         escape_char, trailer_pstn, oprtnl_flag, created_date, modified_date) VALUES ({feed}, {feed}, 'rdsftetl', \
         'flavor_{feed}', '{feed}.', 'txt', 'txt', '|', 'N', 'Y', 'call rdsftorchestration.execute_sql_from_table(\
         ''rdsftcore'', ''flavor_{feed}'', ''2020-01-01 00:00:00'', ''2100-01-01 00:00:00'');', 'N', NULL, NULL, '4:12', \
         'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);
         INSERT INTO rdscnfg.ext_file_config_dtl (ext_file_config_dtl_sid, ext_file_config_sid, column_name, \
         column_width_fixed, column_order_sqnc, oprtnl_flag, created_date, modified_date) VALUES
         ({feed}01, {feed}, 'code', NULL, 1, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
         ({feed}02, {feed}, 'flavor', NULL, 2, 'A', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);"
    )
}

/// Stage, core and the one job statement between them.
async fn make_tables(world: &World, feed: u32) -> anyhow::Result<()> {
    let stage = format!(
        "CREATE TABLE rdsftetl.flavor_{feed} (code varchar(10), flavor varchar(40), file_name varchar(300), \
         target_transaction_timestamp timestamp DEFAULT GETDATE())"
    );
    let core = format!("CREATE TABLE rdsftcore.flavor_{feed} (code varchar(10), flavor varchar(40))");
    let job = format!(
        "INSERT INTO rdsftorchestration.job_config_sqls (schema_name, table_name, serial_no, sql_command) VALUES \
         ('rdsftcore', 'flavor_{feed}', 1, 'INSERT INTO rdsftcore.flavor_{feed} (code, flavor) SELECT code, flavor \
         FROM rdsftetl.flavor_{feed} WHERE target_transaction_timestamp BETWEEN '' p_etl_from_timestamp '' AND \
         '' p_etl_to_timestamp ''')"
    );
    for sql in [stage, core, job] {
        world.query(&sql).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_rule_in_the_older_form_takes_a_file_from_landing_to_the_core_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = unique();
    world
        .control
        .batch_execute(&inserts(feed))
        .await
        .context("insert the rule")?;
    make_tables(&world, feed).await?;
    let file_name = format!("PROD_20151015_150510973_PA_FLAVOR_{feed}.txt");
    let bytes = b"A1|vanilla\nB2|lemon\nTRL00000002";

    let story = world.land(&file_name, bytes).await?;

    story.assert_loaded(2);
    story.assert_archived(&world, &feed.to_string(), bytes).await?;
    let stage = format!("SELECT code, flavor, file_name FROM rdsftetl.flavor_{feed} ORDER BY code");
    let row = |code: &str, flavor: &str| {
        [code, flavor, &file_name]
            .map(|text| Some(text.to_owned()))
            .to_vec()
    };
    assert_eq!(
        world.query(&stage).await?,
        [row("A1", "vanilla"), row("B2", "lemon")],
        "{story}"
    );
    let core = world
        .query(&format!("SELECT code FROM rdsftcore.flavor_{feed} ORDER BY code"))
        .await?;
    assert_eq!(core.len(), 2, "{story}");
    let audit = story.audit_row();
    assert_eq!(audit["followup_status"], "FINISHED", "{story}");
    assert_eq!(audit["tgt_table_name"], format!("flavor_{feed}"), "{story}");
    assert_eq!(audit["rows_expected"], 2, "{story}");
    assert_eq!(
        audit["archived_key"],
        story.load.text("archived_key").unwrap_or_default(),
        "{story}"
    );
    let message = story.message();
    assert_eq!(message["interface_name"], "PA_FLAVOR", "{story}");
    assert_eq!(message["key"], world.input_key(&file_name), "{story}");
    assert_eq!(message["attributes"]["status"]["Value"], "loaded", "{story}");
    Ok(())
}

#[tokio::test]
async fn a_rule_or_a_feed_that_is_switched_off_takes_no_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule_off = world.feed().set("oprtnl_flag", "I").create().await?;
    let feed_off = world.feed().create().await?;
    let sql = format!(
        "UPDATE rdscnfg.ext_interface SET oprtnl_flag = 'I' WHERE ext_interface_cid = {}",
        feed_off.interface
    );
    world.control.batch_execute(&sql).await?;
    for feed in [rule_off, feed_off] {
        feed.land("1|a\n")
            .await?
            .assert_refused("no_rule", &[&feed.token]);
    }
    Ok(())
}
