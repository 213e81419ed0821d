//! The files that the demo lands, and what should become of each.

use longshore_domain::load::LoadState;

/// A sample file.
pub(super) struct SampleFile {
    /// Its name in the bucket.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// What it shows.
    pub shows: &'static str,
    /// The state that its load should end in.
    pub ends: LoadState,
    /// The rows that should be loaded, when it is loaded itself.
    pub rows_loaded: Option<u64>,
    /// The stable word for the error it should meet.
    pub error_code: Option<&'static str>,
    /// The parts that it should be cut into, by record type, with their rows.
    pub parts: &'static [(&'static str, u64)],
}

macro_rules! sample {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../samples/", $name)) as &[u8],
        )
    };
}

/// All of them, in the order of landing.
pub(super) fn all() -> Vec<SampleFile> {
    let file = |(name, bytes), shows, ends| SampleFile {
        name,
        bytes,
        shows,
        ends,
        rows_loaded: None,
        error_code: None,
        parts: &[],
    };
    vec![
        SampleFile {
            rows_loaded: Some(3),
            ..file(
                sample!("PRICES_20261121_701.txt"),
                "pipe-delimited with a trailer; one row is bad and goes to the error table",
                LoadState::Complete,
            )
        },
        SampleFile {
            parts: &[("DT", 3), ("HD", 2)],
            ..file(
                sample!("SHIPMENTS_20261121_702.txt"),
                "two record types, each into its table, and one line of neither",
                LoadState::Split,
            )
        },
        SampleFile {
            rows_loaded: Some(2),
            ..file(
                sample!("CATALOG_20261121_703.csv.gz"),
                "gzipped CSV, columns in another order, a line break within quotes",
                LoadState::Complete,
            )
        },
        SampleFile {
            error_code: Some("trailer_count_mismatch"),
            ..file(
                sample!("PRICES_SHORT_701.txt"),
                "its trailer promises five records, it has two",
                LoadState::Rejected,
            )
        },
        SampleFile {
            error_code: Some("copy_failed"),
            ..file(
                sample!("PRICES_WIDE_701.txt"),
                "a field longer than its column",
                LoadState::Failed,
            )
        },
        SampleFile {
            error_code: Some("no_rule"),
            ..file(sample!("NOTES_999.txt"), "no rule knows it", LoadState::Rejected)
        },
    ]
}

/// Tables whose rows are shown, with the number of rows that should be in each.
pub(super) const TABLES: [(&str, u64); 5] = [
    ("rdsftcore.pharmacy_price", 2),
    ("rdsftetl.pharmacy_price_error", 1),
    ("rdsftcore.shipment", 2),
    ("rdsftcore.shipment_line", 3),
    ("rdsftetl.product", 2),
];
