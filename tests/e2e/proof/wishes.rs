//! What whoever runs a proof may ask for, by the environment: `make chaos SEED=7` becomes `LONGSHORE_PROOF_SEED=7`.

use std::str::FromStr;

use anyhow::anyhow;

/// The value of `LONGSHORE_PROOF_<NAME>`; none when it is not set or empty.
pub(crate) fn wish<T: FromStr>(name: &str) -> anyhow::Result<Option<T>> {
    let variable = format!("LONGSHORE_PROOF_{name}");
    #[expect(
        clippy::disallowed_methods,
        reason = "settings are the product's; this says how much a test does"
    )]
    let value = std::env::var(&variable).unwrap_or_default();
    if value.is_empty() {
        return Ok(None);
    }
    let understood = value.parse();
    understood
        .map(Some)
        .map_err(|_| anyhow!("{variable} is {value:?}, which cannot be understood"))
}

/// The seed that was asked for, else one that nobody chose. Whoever draws it prints it.
pub(crate) fn seed() -> anyhow::Result<u64> {
    Ok(wish("SEED")?.unwrap_or_else(|| fastrand::u64(1..1_000_000)))
}
