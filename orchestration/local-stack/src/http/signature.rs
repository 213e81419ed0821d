//! Signature Version 4: who signs a request, for which service, and whether the signature is right.

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::http::ApiError;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The one pair of keys that requests may be signed with.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// The credential scope of a request: enough to know which service it is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    access_key_id: String,
    date: String,
    region: String,
    pub(crate) service: String,
}

impl Credential {
    /// Reads the scope from the Authorization header or, in a presigned request, from the query.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        if let Some(header) = authorization(&parts.headers) {
            return Self::parse(field(header, "Credential")?);
        }
        let query = parts.uri.query()?;
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        Self::parse(&percent_decode_str(value).decode_utf8_lossy())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('/').map(str::to_owned);
        let (access_key_id, date, region) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self {
            access_key_id,
            date,
            region,
            service: fields.next()?,
        })
    }
}

impl Keys {
    /// Checks the signature of a request whose body has been read. S3 requests are checked elsewhere, as they stream.
    pub(crate) fn verify(&self, credential: &Credential, parts: &Parts, body: &[u8]) -> Result<(), ApiError> {
        if credential.access_key_id != self.access_key_id {
            return Err(ApiError::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid: this access key id is not the stack's.",
            ));
        }
        let given = authorization(&parts.headers).and_then(|header| field(header, "Signature"));
        if given.is_some_and(|given| self.signature(credential, parts, body).as_deref() == Some(given)) {
            return Ok(());
        }
        Err(ApiError::new(
            403,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method.",
        ))
    }

    fn signature(&self, credential: &Credential, parts: &Parts, body: &[u8]) -> Option<String> {
        let signed_headers = field(authorization(&parts.headers)?, "SignedHeaders")?;
        let canonical = canonical_request(parts, signed_headers, body)?;
        let Credential {
            date,
            region,
            service,
            ..
        } = credential;
        let moment = parts.headers.get("x-amz-date")?.to_str().ok()?;
        let digest = hex::encode(Sha256::digest(canonical));
        let to_sign = format!("{ALGORITHM}\n{moment}\n{date}/{region}/{service}/aws4_request\n{digest}");
        let mut key = hmac(
            format!("AWS4{}", self.secret_access_key).as_bytes(),
            date.as_bytes(),
        );
        for part in [region.as_str(), service.as_str(), "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        Some(hex::encode(hmac(&key, to_sign.as_bytes())))
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(http::header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix(ALGORITHM)
}

/// One field of the header: `Credential=…, SignedHeaders=…, Signature=…`.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(',')
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

fn canonical_request(parts: &Parts, signed_headers: &str, body: &[u8]) -> Option<String> {
    let mut headers = String::new();
    for name in signed_headers.split(';') {
        let values: Vec<String> = parts
            .headers
            .get_all(name)
            .iter()
            .map(|value| collapsed(value.as_bytes()))
            .collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let path = utf8_percent_encode(parts.uri.path(), PATH);
    let query = canonical_query(parts.uri.query().unwrap_or_default());
    let digest = match parts.headers.get("x-amz-content-sha256") {
        Some(promise) if promise == "UNSIGNED-PAYLOAD" => "UNSIGNED-PAYLOAD".to_owned(),
        Some(_) | None => hex::encode(Sha256::digest(body)),
    };
    Some(format!(
        "{}\n{path}\n{query}\n{headers}\n{signed_headers}\n{digest}",
        parts.method
    ))
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), UNRESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// A header value without surrounding blanks and with runs of blanks made one.
fn collapsed(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    let shortened = Sha256::digest(key);
    let key = if key.len() > block.len() {
        shortened.as_slice()
    } else {
        key
    };
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let digest = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(digest),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_presigned_request_names_its_service_in_the_query() {
        let uri = "/?X-Amz-Credential=AKID%2F20261121%2Fus-east-1%2Fs3%2Faws4_request";
        let (parts, ()) = http::Request::builder().uri(uri).body(()).unwrap().into_parts();
        assert_eq!(Credential::of(&parts).unwrap().service, "s3");
    }

    /// The example `get-vanilla-query-order-key-case` of AWS's Signature Version 4 test suite.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let keys = Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let (parts, ()) = http::Request::builder()
            .uri("/?Param2=value2&Param1=value1")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(())
            .unwrap()
            .into_parts();
        let credential = Credential::of(&parts).unwrap();
        assert_eq!(keys.verify(&credential, &parts, b""), Ok(()));
        assert_eq!(
            keys.verify(&credential, &parts, b"changed").unwrap_err().code,
            "InvalidSignatureException"
        );
    }
}
