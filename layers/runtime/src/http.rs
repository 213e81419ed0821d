//! The HTTP client of the AWS clients.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// A client that reads the certificates that the machine trusts when it first needs them: they are some hundred files, reading
/// them takes longer than all else that a function does before its first event, and a local stack shows no certificate.
pub(crate) fn http_client() -> SharedHttpClient {
    SharedHttpClient::new(ByScheme {
        plain: Builder::new().build_http(),
        encrypted: Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https(),
    })
}

#[derive(Debug)]
struct ByScheme {
    plain: SharedHttpClient,
    encrypted: SharedHttpClient,
}

impl HttpClient for ByScheme {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Undecided {
            plain: self.plain.clone(),
            encrypted: self.encrypted.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.encrypted.connector_metadata()
    }
}

/// What carries a request, before it is known where to. The clients keep their connections, so this may be made for each request.
#[derive(Debug)]
struct Undecided {
    plain: SharedHttpClient,
    encrypted: SharedHttpClient,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Undecided {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match is_plain(request.uri()) {
            true => &self.plain,
            false => &self.encrypted,
        };
        client
            .http_connector(&self.settings, &self.components)
            .call(request)
    }
}

/// Anything but a URL that says so goes encrypted.
fn is_plain(uri: &str) -> bool {
    uri.get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:4566/bucket", true)]
    #[case("HTTP://127.0.0.1/", true)]
    #[case("https://s3.eu-central-1.amazonaws.com/", false)]
    #[case("s3.eu-central-1.amazonaws.com", false)]
    #[case("", false)]
    fn only_what_says_that_it_is_plain_goes_plain(#[case] uri: &str, #[case] plain: bool) {
        assert_eq!(is_plain(uri), plain);
    }
}
