//! `rule infer` and `rule ddl`: samples become rules and tables that take them.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::formats::gzip;
use crate::support::{Story, World, unique};

/// A sample under a name of its own, and the rule that is proposed for it.
struct Inferred<'a> {
    world: &'a World,
    folder: tempfile::TempDir,
    schema: String,
    number: String,
}

impl<'a> Inferred<'a> {
    async fn new(world: &'a World) -> anyhow::Result<Self> {
        world.set_column_numbers_apart().await?;
        // Rules of record types count on from it.
        let number = (100_000 + unique() * 10).to_string();
        let schema = format!("inferred{number}");
        world.query(&format!("CREATE SCHEMA {schema}")).await?;
        Ok(Self {
            world,
            folder: tempfile::TempDir::new()?,
            schema,
            number,
        })
    }

    fn name(&self, extension: &str) -> String {
        format!("sample_{}.{extension}", self.number)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> anyhow::Result<String> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.to_str().context("a path in UTF-8")?.to_owned())
    }

    fn infer(&self, files: &[&str], more: &[&str]) -> anyhow::Result<Value> {
        let table = format!("{}.sample", self.schema);
        let fixed = [
            "rule",
            "infer",
            "--json",
            "--rule",
            &self.number,
            "--interface",
            &self.number,
            "--table",
            &table,
        ];
        let output = self.world.longshore(&[&fixed[..], files, more].concat())?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Makes the tables and the rules as they are proposed.
    async fn accept(&self, proposal: &Value) -> anyhow::Result<()> {
        for table in proposal["tables"].as_array().context("tables")? {
            for kind in ["target", "error", "stage"] {
                self.world
                    .query(table[kind].as_str().context("a statement")?)
                    .await?;
            }
        }
        let document = self.write("rules.yaml", proposal["document"].as_str().context("a document")?)?;
        let output = self
            .world
            .longshore(&["rule", "apply", &document, "--as", "ann", "--why", "new", "--yes"])?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// What a sample becomes, and what becomes of the sample then.
    async fn lands(
        &self,
        name: &str,
        bytes: impl AsRef<[u8]>,
        more: &[&str],
    ) -> anyhow::Result<(Value, Story)> {
        let bytes = bytes.as_ref();
        let path = self.write(name, bytes)?;
        let proposal = self.infer(&[&path], more)?;
        self.accept(&proposal).await?;
        Ok((proposal, self.world.land(name, bytes).await?))
    }

    async fn lines(&self, columns: &str) -> anyhow::Result<Vec<String>> {
        let rows = self
            .world
            .query(&format!(
                "SELECT {columns} FROM {}.sample ORDER BY 1",
                self.schema
            ))
            .await?;
        let line = |row: Vec<Option<String>>| {
            row.into_iter()
                .map(|value| value.unwrap_or_else(|| "~".to_owned()))
                .collect::<Vec<_>>()
                .join("|")
        };
        Ok(rows.into_iter().map(line).collect())
    }
}

/// Name and type of each column of the first table.
fn types(proposal: &Value) -> Vec<String> {
    let rules = proposal["rules"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let columns = rules
        .iter()
        .flat_map(|rule| rule["columns"].as_array().into_iter().flatten());
    columns
        .map(|column| {
            format!(
                "{} {}",
                column["name"].as_str().unwrap_or_default(),
                column["type"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[tokio::test]
async fn every_sample_of_the_demo_becomes_a_rule_that_loads_it() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let mut seen = 0;
    for entry in std::fs::read_dir(repository("orchestration/longshore/samples"))? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        let (_, extension) = name.split_once('.').context("an extension")?;
        let inferred = Inferred::new(&world).await?;
        let (_, story) = inferred
            .lands(&inferred.name(extension), std::fs::read(&path)?, &[])
            .await?;
        match name.as_str() {
            "CATALOG_20261121_703.csv.gz" => story.assert_loaded(2),
            "NOTES_999.txt" => story.assert_loaded(1),
            "PRICES_20261121_701.txt" => story.assert_loaded(3),
            "PRICES_WIDE_701.txt" => story.assert_loaded(2),
            // Its trailer is wrong on purpose, and seen for what it is.
            "PRICES_SHORT_701.txt" => story.assert_refused(
                "trailer_count_mismatch",
                &["the trailer says 5 records, the file has 2"],
            ),
            "SHIPMENTS_20261121_702.txt" => {
                assert_eq!(story.state(), "split", "{story}");
                for (prefix, rows) in [("HD", 2), ("DT", 3), ("XX", 1)] {
                    story.part(prefix)?.assert_loaded(rows);
                }
            }
            other => anyhow::bail!("{other} is a sample that this test does not know"),
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
    Ok(())
}

#[tokio::test]
async fn a_sample_that_only_the_warehouse_reads_is_refused_with_what_to_do() -> anyhow::Result<()> {
    let world = World::shared().await?;
    for name in ["rows.lzo", "rows-best.lzo"] {
        let path = repository("orchestration/local-warehouse/tests/fixtures").join(name);
        let output = world.longshore(&["rule", "infer", path.to_str().context("a path in UTF-8")?])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(name) && said.contains("lzop -d"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn files_that_name_their_columns_become_rules_that_load_them() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let fixtures = [
        ("orchestration/local-warehouse/tests/fixtures/people.avro", 2),
        ("orchestration/local-warehouse/tests/fixtures/people.orc", 2),
        ("orchestration/local-warehouse/tests/fixtures/people.parquet", 2),
        ("tests/fixtures/fruit.parquet", 3),
    ];
    for (path, rows) in fixtures {
        let extension = path.rsplit('.').next().context("an extension")?;
        let inferred = Inferred::new(&world).await?;
        let (_, story) = inferred
            .lands(&inferred.name(extension), std::fs::read(repository(path))?, &[])
            .await?;
        story.assert_loaded(rows);
    }
    let inferred = Inferred::new(&world).await?;
    let json = "{\"id\": 1, \"Code\": \"007\", \"tags\": [1], \"at\": \"2026-11-26T07:30:00Z\"}\n{\"id\": 2, \"ok\": true, \"price\": 1.25}\n";
    let (proposal, story) = inferred.lands(&inferred.name("json"), json, &[]).await?;
    story.assert_loaded(2);
    assert_eq!(
        types(&proposal),
        [
            "id integer",
            "code character varying(16)",
            "tags super",
            "at timestamp with time zone",
            "ok boolean",
            "price numeric(18,2)",
        ]
    );
    assert_eq!(
        inferred.lines("id, code, tags, price").await?,
        ["1|007|[1]|~", "2|~|~|1.25"]
    );
    Ok(())
}

#[tokio::test]
async fn types_are_exact_and_text_where_digits_would_be_lost() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let inferred = Inferred::new(&world).await?;
    let text = "id,zip,Unit Price,day,at,flag,note\n1,00501,12.50,26.11.2026,2026-11-26 07:30:00,true,\n99,10001,3,01.12.2026,2026-11-27 00:00:00,false,\"a, \"\"b\"\"\"\n";
    let (proposal, story) = inferred
        .lands(&inferred.name("csv.gz"), gzip(text.as_bytes())?, &[])
        .await?;
    story.assert_loaded(2);
    assert_eq!(
        types(&proposal),
        [
            "id integer",
            "zip character varying(16)",
            "unit_price numeric(18,2)",
            "day date",
            "at timestamp without time zone",
            "flag boolean",
            "note character varying(16)",
        ]
    );
    assert_eq!(
        inferred.lines("id, zip, unit_price, day, note").await?,
        ["1|00501|12.50|2026-11-26|", "99|10001|3.00|2026-12-01|a, \"b\""]
    );
    Ok(())
}

#[tokio::test]
async fn columns_of_fixed_width_are_guessed_and_the_guess_is_shown() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let inferred = Inferred::new(&world).await?;
    let text = "0001 plum       1250\n0002 dried-figs   75\n";
    let name = inferred.name("txt");
    let (proposal, story) = inferred.lands(&name, text, &[]).await?;
    let document = proposal["document"].as_str().context("a document")?;
    for line in ["#     0001 plum       1250\n", "#     ^    ^          ^\n"] {
        assert!(document.contains(line), "{line:?} is not shown: {document}");
    }
    assert_eq!(
        types(&proposal),
        [
            "column_1 character varying(16)",
            "column_2 character varying(32)",
            "column_3 integer"
        ]
    );
    story.assert_loaded(2);
    assert_eq!(
        inferred.lines("RTRIM(column_1), column_3").await?,
        ["0001|1250", "0002|75"]
    );

    let path = inferred.write(&name, text)?;
    let said = inferred.infer(&[&path], &["--widths", "5,11,4"])?;
    assert!(!said["document"].to_string().contains("guess"), "{said}");
    Ok(())
}

#[tokio::test]
async fn several_samples_say_more_than_one() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let inferred = Inferred::new(&world).await?;
    let one = inferred.write("orders_20261126.txt", "1|9\n2|8\n")?;
    let another = inferred.write("orders_20261127.txt", "3|1.75\n")?;
    let proposal = inferred.infer(&[&one, &another], &[])?;
    assert_eq!(types(&proposal), ["column_1 integer", "column_2 numeric(18,2)"]);
    assert_eq!(proposal["rules"][0]["key_regex"], r"(.*/)?orders_[0-9]+\.txt");

    let wider = inferred.write("orders_20261128.txt", "3|1|x\n")?;
    let refused = |files: &[&str], says: &str| -> anyhow::Result<()> {
        let output = world.longshore(&[&["rule", "infer"], files].concat())?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{says:?} is not said: {said}");
        Ok(())
    };
    refused(
        &[&one, &wider],
        "columns column_1,column_2 there and column_1,column_2,column_3 here",
    )?;
    let uneven = inferred.write("uneven_1.txt", "1|a\n2|b\n3|c\n4|d\n5|e|f\n6|g\n")?;
    refused(
        &[&uneven],
        "line 5: 3 fields where most lines have 2, by the delimiter |",
    )?;
    let empty = inferred.write("empty_1.txt", "\n")?;
    refused(&[&empty], "a sample needs a record at least")?;
    let array = inferred.write("array_1.json", "[{\"a\": 1}]")?;
    refused(&[&array], "jq -c '.[]'")?;
    let packed = repository("orchestration/local-warehouse/tests/fixtures/rows.lzo");
    refused(&[packed.to_str().context("a path")?], "unpack the sample first")?;
    refused(&["nowhere.csv"], "nowhere.csv cannot be read")?;
    Ok(())
}

#[tokio::test]
async fn the_tables_of_a_rule_are_printed_with_the_types_that_they_have() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let inferred = Inferred::new(&world).await?;
    let (proposal, _) = inferred.lands(&inferred.name("txt"), "1|9.5|plum\n", &[]).await?;
    let number = inferred.number.as_str();
    let printed = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = world.longshore(arguments)?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    };
    let printed_json: Value = serde_json::from_str(&printed(&["rule", "ddl", number, "--json"])?)?;
    assert_eq!(
        printed_json, proposal["tables"][0],
        "what is there is what was proposed"
    );

    world
        .query(&format!("DROP TABLE {}.sample", inferred.schema))
        .await?;
    let said = printed(&["rule", "ddl", number])?;
    for words in [
        "has no table",
        "\"column_2\" character varying(256)",
        "\"error_reason\"",
        "-- CREATE TEMP TABLE",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = world.longshore(&["rule", "ddl", "2000000000"])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains("there is no rule 2000000000"));
    Ok(())
}
