//! TLS to the control database.

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

/// Where Amazon Linux, Debian, Alpine and macOS keep the certificates that the machine trusts.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a socket folder, or this machine alone.
    Off,
    /// Nothing goes over the wire before the server has shown a certificate for its host name that we trust.
    Required {
        /// The certificates to trust, in PEM. None: those that the machine trusts, which do not hold the ones that RDS
        /// signs its instances with.
        ca_pem: Option<String>,
    },
}

/// Builds the connector for [`Tls::Required`].
pub(crate) fn connector(ca_pem: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let roots = match ca_pem {
        Some(pem) => roots_from_pem(pem.as_bytes())?,
        None => system_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots_from_pem(pem: &[u8]) -> Result<RootCertStore, StoreError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(format!("the given PEM text: {error}")))?;
    let mut roots = RootCertStore::empty();
    let (accepted, _) = roots.add_parsable_certificates(certificates);
    if accepted == 0 {
        return Err(unreadable("the given PEM text holds no certificate"));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, StoreError> {
    let bundle = SYSTEM_BUNDLES.iter().find(|path| Path::new(path).exists());
    let Some(bundle) = bundle else {
        return Err(unreadable(format!(
            "none of {} exists; name a bundle of your own",
            SYSTEM_BUNDLES.join(", ")
        )));
    };
    let pem = std::fs::read(bundle).map_err(|error| unreadable(format!("{bundle}: {error}")))?;
    roots_from_pem(&pem)
}

fn unreadable(problem: impl Into<String>) -> StoreError {
    StoreError::CertificatesUnreadable {
        problem: problem.into(),
    }
}
