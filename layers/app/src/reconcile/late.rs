//! Files that were expected and did not come, and those that came late.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::notification::{LateFiles, Outcome};
use longshore_domain::rule::{ExpectedFiles, ExpectedProgress, JUDGED_AFTER, Judgement, RuleTopics};
use longshore_store::{Advance, Expectation, LatePeriod, MissedPeriod, OutboxNotice};
use tracing::{info, warn};

use super::{Reconcile, ReconcileReport, Slice};
use crate::AppError;

/// Rules, and late times, that are read at a time.
const AT_ONCE: u32 = 100;
/// Times of one rule that are told by themselves when more were missed while nobody looked: the newest ones.
const MOST_TOLD: usize = 3;
/// A rule that is at fault is looked at again after this long, or as soon as it is mended.
const FAULTY_WAITS: TimeDelta = TimeDelta::hours(1);

impl Reconcile<'_> {
    /// Late files first: what came late does not count for the next time.
    pub(super) async fn find_late_files(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        self.settle_late_periods(slice, report).await?;
        self.settle_backlogs(slice, report).await?;
        self.judge_expectations(slice, report).await
    }

    async fn settle_late_periods(&self, slice: &Slice, report: &mut ReconcileReport) -> Result<(), AppError> {
        let store = &self.app.store;
        while !self.is_over(slice) {
            let now = self.app.clock.now();
            let settled = store
                .late_periods_to_settle(now, now - JUDGED_AFTER, AT_ONCE)
                .await?;
            for late in &settled {
                let arrived = late.arrived_at.map(|_| self.arrived(late));
                store.settle_late_period(late, arrived.as_ref(), now).await?;
                report.arrived_late += usize::from(arrived.is_some());
            }
            if settled.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// What came beyond what the newest time lacked is of those that were missed just before it.
    async fn settle_backlogs(&self, slice: &Slice, report: &mut ReconcileReport) -> Result<(), AppError> {
        let store = &self.app.store;
        while !self.is_over(slice) {
            let now = self.app.clock.now();
            let backlog = store.late_backlog(now, AT_ONCE).await?;
            for late in &backlog {
                store.settle_backlog(late, &self.arrived(late), now).await?;
                report.arrived_late += 1;
            }
            if backlog.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn arrived(&self, late: &LatePeriod) -> OutboxNotice {
        info!(
            "what rule {} expected by {} came late",
            late.rule, late.expected_at
        );
        let topics = RuleTopics {
            success: late.success_topic_arn.clone(),
            failure: None,
        };
        let files = LateFiles {
            rule: late.rule,
            interface_id: late.interface_id.clone(),
            interface_name: late.interface_name.clone(),
            table: late.table.clone(),
            expected_at: late.expected_at,
            zone: late.zone,
            grace_until: late.grace_until,
            expected_files: late.expected_files,
            arrived_files: late.arrived_files,
            newest: late.newest(),
            arrived_at: late.arrived_at,
            missed_before: 0,
        };
        self.notice(&topics, Outcome::ArrivedLate, &files)
    }

    fn notice(&self, topics: &RuleTopics, outcome: Outcome, files: &LateFiles) -> OutboxNotice {
        let config = &self.app.config;
        OutboxNotice {
            outcome,
            topic_arn: topics.of(outcome).unwrap_or(&config.topic_arn).to_owned(),
            message: match outcome {
                Outcome::ArrivedLate => files.arrived(),
                _ => files.late(&config.custom_error_message),
            },
        }
    }

    /// A rule that somebody else judged meanwhile, or that began anew, comes up again.
    async fn judge_expectations(&self, slice: &Slice, report: &mut ReconcileReport) -> Result<(), AppError> {
        while !self.is_over(slice) {
            let now = self.app.clock.now();
            let due = self.app.store.due_expectations(now, AT_ONCE).await?;
            let mut any_advanced = false;
            for expectation in &due {
                if self.is_over(slice) {
                    break;
                }
                any_advanced |= self.judge(expectation, now, report).await?;
            }
            if !any_advanced {
                break;
            }
        }
        Ok(())
    }

    /// Whether it is on record.
    async fn judge(
        &self,
        expectation: &Expectation,
        now: DateTime<Utc>,
        report: &mut ReconcileReport,
    ) -> Result<bool, AppError> {
        let Some(Ok(expected)) = ExpectedFiles::from_row(&expectation.row()) else {
            warn!(
                "rule {} does not say soundly when its files are expected",
                expectation.rule
            );
            let later = Advance {
                progress: None,
                due_at: now + FAULTY_WAITS,
            };
            return Ok(self
                .app
                .store
                .advance_expectation(expectation, &later, &[], now)
                .await?);
        };
        let judging = Judging {
            reconcile: self,
            expectation,
            expected: &expected,
            now,
        };
        let (progress, mut missed) = match expectation.progress {
            Some(progress) => judging.periods(progress).await?,
            None => (expected.begin(now), vec![]),
        };
        judging.tell(&mut missed).await?;
        let advance = Advance {
            progress,
            due_at: progress.map_or(now + FAULTY_WAITS, |progress| expected.due_at(progress.next_at)),
        };
        let store = &self.app.store;
        let advanced = store
            .advance_expectation(expectation, &advance, &missed, now)
            .await?;
        if advanced {
            report.late += missed.len();
            for missed in &missed {
                warn!(
                    "{} of {} files that rule {} expected by {} had come",
                    missed.arrived_files, missed.expected_files, expectation.rule, missed.period.at
                );
            }
        }
        Ok(advanced)
    }
}

/// A rule whose times are judged.
struct Judging<'a> {
    reconcile: &'a Reconcile<'a>,
    expectation: &'a Expectation,
    expected: &'a ExpectedFiles,
    now: DateTime<Utc>,
}

impl Judging<'_> {
    /// Each in its turn: which files count for one says from when on they count for the next.
    async fn periods(
        &self,
        mut progress: ExpectedProgress,
    ) -> Result<(Option<ExpectedProgress>, Vec<MissedPeriod>), AppError> {
        let due = self.expected.due(&progress, self.now);
        if let Some(before) = due.passed_over {
            progress.counted_until = before;
            progress.missed_last = false;
        }
        let mut all_missed = vec![];
        for at in due.times {
            let Some(next_at) = self.expected.next_after(at) else {
                return Ok((None, all_missed));
            };
            let (counted_until, missed) = self.period(&progress, at).await?;
            progress = ExpectedProgress {
                counted_until,
                next_at,
                missed_last: missed.is_some(),
            };
            all_missed.extend(missed);
        }
        Ok((Some(progress), all_missed))
    }

    async fn period(
        &self,
        progress: &ExpectedProgress,
        at: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, Option<MissedPeriod>), AppError> {
        let period = self.expected.period(progress.counted_until, at);
        let files = self.expected.files();
        let arrivals = self.arrivals((period.after, period.until), files).await?;
        let came = match self.expected.judge(&period, &arrivals) {
            Judgement::Came { counted_until } => return Ok((counted_until, None)),
            Judgement::Missed { came } => came,
        };
        let lacking = files - came;
        let late = self
            .arrivals((period.until, period.awaited_until.min(self.now)), lacking)
            .await?;
        let arrived_at = late.last().copied().filter(|_| late.len() == lacking as usize);
        let missed = MissedPeriod {
            period,
            timezone: self.expected.zone().name(),
            expected_files: files,
            arrived_files: came,
            newest: None,
            follows_missed: progress.missed_last,
            arrived_at,
            is_settled: arrived_at.is_some() || period.awaited_until + JUDGED_AFTER <= self.now,
            notice: None,
        };
        let counted_until = match progress.missed_last {
            true => period.until,
            false => arrived_at.unwrap_or(period.until),
        };
        Ok((counted_until, Some(missed)))
    }

    async fn arrivals(
        &self,
        span: (DateTime<Utc>, DateTime<Utc>),
        limit: u32,
    ) -> Result<Vec<DateTime<Utc>>, AppError> {
        let store = &self.reconcile.app.store;
        Ok(store.arrivals(self.expectation.rule, span, limit).await?)
    }

    /// The newest ones by themselves, and of the others how many they are.
    async fn tell(&self, missed: &mut [MissedPeriod]) -> Result<(), AppError> {
        if missed.is_empty() {
            return Ok(());
        }
        let newest = self
            .reconcile
            .app
            .store
            .newest_arrival(self.expectation.rule)
            .await?;
        let told_from = missed.len().saturating_sub(MOST_TOLD);
        for (place, missed) in missed.iter_mut().enumerate() {
            missed.newest.clone_from(&newest);
            if place >= told_from {
                let untold = if place == told_from { told_from } else { 0 };
                missed.notice = Some(self.notice(missed, u32::try_from(untold).unwrap_or(u32::MAX)));
            }
        }
        Ok(())
    }

    fn notice(&self, missed: &MissedPeriod, missed_before: u32) -> OutboxNotice {
        let rule = self.expectation;
        let topics = RuleTopics {
            success: None,
            failure: rule.failure_topic_arn.clone(),
        };
        let files = LateFiles {
            rule: rule.rule,
            interface_id: rule.interface_id.clone(),
            interface_name: rule.interface_name.clone(),
            table: rule.table.clone(),
            expected_at: missed.period.at,
            zone: self.expected.zone(),
            grace_until: missed.period.until,
            expected_files: missed.expected_files,
            arrived_files: missed.arrived_files,
            newest: missed.newest.clone(),
            arrived_at: missed.arrived_at,
            missed_before,
        };
        self.reconcile.notice(&topics, Outcome::Late, &files)
    }
}
