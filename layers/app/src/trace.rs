//! What every line of the log says while a load is worked on: which load it is, what it is followed by, and who works.

use longshore_store::{Load, Notice};
use tracing::{Span, info_span};

/// The span of the steps of a load. A line has the fields of the innermost span alone, so they are all here.
pub(crate) fn span_of(load: &Load, actor: &str) -> Span {
    info_span!(
        "load",
        load.id = %load.id,
        trace.id = load.trace.as_ref().map(|trace| trace.as_str()),
        request.id = actor,
        object.key = %load.object.key,
        record_type = load.record_type,
        target = load.target,
        batch.id = load.batch.map(tracing::field::display),
    )
}

/// The span of telling people about a load.
pub(crate) fn span_of_notice(notice: &Notice, sender: &str) -> Span {
    info_span!(
        "notice",
        load.id = notice.load.as_ref().map(tracing::field::display),
        trace.id = notice.trace.as_ref().map(|trace| trace.as_str()),
        request.id = sender,
    )
}

/// Tells the span that one is in which load it turned out to be about, if it has room for that: whoever handed the work over
/// logs how it ended.
pub(crate) fn name_load(load: &Load) {
    let span = Span::current();
    span.record("load.id", tracing::field::display(load.id));
    if let Some(trace) = &load.trace {
        span.record("trace.id", trace.as_str());
    }
}
