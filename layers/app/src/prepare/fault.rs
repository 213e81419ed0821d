//! From the engine's errors to reasons for a rejection.

use longshore_domain::reject::RejectReason;
use longshore_preprocess::PrepareError;

use crate::AppError;

/// The reason that a file is refused for, or our own failure when the file is not at fault.
pub(crate) fn reason(error: PrepareError) -> Result<RejectReason, AppError> {
    use PrepareError as Fault;
    let (fault, line, byte) = match &error {
        Fault::CompressedInputTruncated { offset, .. } => ("compressed_input_truncated", None, Some(*offset)),
        Fault::CompressedInputCorrupt { offset, .. } => ("compressed_input_corrupt", None, Some(*offset)),
        Fault::TrailingBytes { offset, .. } => ("compressed_input_trailing_bytes", None, Some(*offset)),
        Fault::DecompressedTooLarge { offset, .. } => ("decompressed_too_large", None, Some(*offset)),
        Fault::ByteOrderMarkMissing { .. } => ("byte_order_mark_missing", Some(1), Some(0)),
        Fault::InvalidEncoding { line, byte, .. } => ("invalid_encoding", Some(*line), Some(*byte)),
        Fault::DelimiterDiffers { line, byte, .. } => ("delimiter_differs", Some(*line), Some(*byte)),
        Fault::UnbalancedQuotes { line, byte } => ("unbalanced_quotes", Some(*line), Some(*byte)),
        Fault::RecordTooLong { line, byte, .. } => ("record_too_long", Some(*line), Some(*byte)),
        Fault::RecordEndMissing { byte, .. } => ("record_too_long", None, Some(*byte)),
        Fault::HeaderTooLong { line, byte, .. } => ("header_too_long", Some(*line), Some(*byte)),
        Fault::TrailerMissing { .. } => ("trailer_missing", None, None),
        Fault::TrailerTagMissing { line, byte, .. } => ("trailer_tag_missing", Some(*line), Some(*byte)),
        Fault::TrailerPositionOutside { line, byte, .. } => {
            ("trailer_position_outside", Some(*line), Some(*byte))
        }
        Fault::TrailerCountUnreadable { line, byte, .. } => {
            ("trailer_count_unreadable", Some(*line), Some(*byte))
        }
        Fault::TrailerSaysZero { line, byte, .. } => ("trailer_says_zero", Some(*line), Some(*byte)),
        Fault::TrailerCountMismatch { line, byte, .. } => {
            ("trailer_count_mismatch", Some(*line), Some(*byte))
        }
        Fault::NoRecords { .. } | Fault::TooFewRecords { .. } => ("no_records", None, None),
        Fault::OutputNotCompressed { .. } | Fault::OutputRefused { .. } => {
            return Err(AppError::Engine(error.into()));
        }
    };
    Ok(RejectReason::Content {
        fault: fault.to_owned(),
        message: format!("{error}{}", further_remedy(&error)),
        line,
        byte,
    })
}

/// What the engine cannot know to say: what the deployment calls its limit.
fn further_remedy(error: &PrepareError) -> &'static str {
    if matches!(error, PrepareError::DecompressedTooLarge { .. }) {
        return ", or let files unpack to more: LONGSHORE_MAX_UNPACKED_BYTES";
    }
    ""
}
