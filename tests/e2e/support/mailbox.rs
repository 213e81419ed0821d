//! What arrived on the notifications queue, sorted by load. One queue serves all tests, so whoever receives a message
//! puts it where the test that waits for it finds it.

use std::collections::HashMap;

use anyhow::Context;
use serde_json::Value;
use tokio::sync::Mutex;

use super::World;

const MOST_AT_ONCE: i32 = 10;

/// The bodies received so far, by load.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    received: Mutex<HashMap<String, Vec<Value>>>,
}

impl Mailbox {
    /// Every message about a load that is on the queue by now.
    pub(super) async fn about(&self, world: &World, load_id: &str) -> anyhow::Result<Vec<Value>> {
        let mut received = self.received.lock().await;
        loop {
            let bodies = receive(world).await?;
            if bodies.is_empty() {
                return Ok(received.get(load_id).cloned().unwrap_or_default());
            }
            for body in bodies {
                let load = body["load_id"].as_str().unwrap_or_default().to_owned();
                received.entry(load).or_default().push(body);
            }
        }
    }
}

/// Receives and deletes a few messages. Each is an SNS notification whose `Message` is our JSON.
async fn receive(world: &World) -> anyhow::Result<Vec<Value>> {
    let url = &world.ready().notifications_queue_url;
    let received = world
        .queue
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(MOST_AT_ONCE)
        .send()
        .await
        .context("receive messages")?;
    let mut bodies = Vec::new();
    for message in received.messages() {
        let envelope: Value = serde_json::from_str(message.body().unwrap_or_default())
            .context("understand the message's envelope")?;
        let text = envelope["Message"].as_str().unwrap_or_default();
        let mut body: Value = serde_json::from_str(text).context("understand the message")?;
        body["subject"] = envelope["Subject"].clone();
        body["attributes"] = envelope["MessageAttributes"].clone();
        bodies.push(body);
        world
            .queue
            .delete_message()
            .queue_url(url)
            .receipt_handle(message.receipt_handle().unwrap_or_default())
            .send()
            .await
            .context("delete a message")?;
    }
    Ok(bodies)
}
