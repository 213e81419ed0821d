//! Secrets Manager, and who may ask.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use longshore_local_stack::LocalStack;

use crate::support::{client, started};

fn secrets(stack: &LocalStack) -> aws_sdk_secretsmanager::Client {
    client!(aws_sdk_secretsmanager, stack.endpoint_url())
}

#[tokio::test]
async fn a_secret_is_found_by_name_and_by_arn_and_an_unknown_one_is_not() {
    let (_folder, stack) = started().await;
    stack
        .put_secret("config/postgres", r#"{"password":"p"}"#)
        .await
        .unwrap();
    let client = secrets(&stack);
    let by_name = client
        .get_secret_value()
        .secret_id("config/postgres")
        .send()
        .await
        .unwrap();
    assert_eq!(by_name.secret_string(), Some(r#"{"password":"p"}"#));
    let by_arn = client
        .get_secret_value()
        .secret_id(by_name.arn().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(by_arn.version_id(), by_name.version_id());
    let unknown = client
        .get_secret_value()
        .secret_id("nothing")
        .send()
        .await
        .unwrap_err();
    assert!(unknown.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_new_value_leaves_the_one_before_as_previous() {
    let (_folder, stack) = started().await;
    let client = secrets(&stack);
    client
        .create_secret()
        .name("s")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    client
        .put_secret_value()
        .secret_id("s")
        .secret_string("two")
        .send()
        .await
        .unwrap();
    let previous = client
        .get_secret_value()
        .secret_id("s")
        .version_stage("AWSPREVIOUS")
        .send()
        .await
        .unwrap();
    assert_eq!(previous.secret_string(), Some("one"));
    let twice = client
        .create_secret()
        .name("s")
        .secret_string("x")
        .send()
        .await
        .unwrap_err();
    assert_eq!(twice.code(), Some("ResourceExistsException"));
}

#[tokio::test]
async fn a_request_signed_with_another_secret_key_or_id_is_refused() {
    let (_folder, stack) = started().await;
    let known = crate::support::credentials();
    for (id, secret, code) in [
        (known.access_key_id(), "wrong", "InvalidSignatureException"),
        (
            "AKIASOMEONEELSE",
            known.secret_access_key(),
            "UnrecognizedClientException",
        ),
    ] {
        let config = secrets(&stack).config().to_builder();
        let other = aws_credential_types::Credentials::new(id, secret, None, None, "test");
        let client = aws_sdk_secretsmanager::Client::from_conf(config.credentials_provider(other).build());
        let refused = client.get_secret_value().secret_id("s").send().await.unwrap_err();
        assert_eq!(refused.code(), Some(code));
    }
}
