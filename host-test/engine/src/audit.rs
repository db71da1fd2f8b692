//! Where the audit goes: one record per attempt, and the requests that a dry run kept back.

use std::sync::Mutex;
use std::sync::PoisonError;

use connector_egress::AuditRecord;

use crate::http::WithheldRequest;

/// Takes what happened at the border. It is called on the thread that sends, so it should be quick.
pub trait Audit: Send + Sync {
    /// One attempt: allowed, denied or withheld.
    fn record(&self, record: AuditRecord);

    /// A request that a dry run kept back.
    fn withheld(&self, request: WithheldRequest);
}

/// Keeps nothing.
pub struct NoAudit;

impl Audit for NoAudit {
    fn record(&self, _record: AuditRecord) {}

    fn withheld(&self, _request: WithheldRequest) {}
}

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryAudit {
    records: Mutex<Vec<AuditRecord>>,
    withheld: Mutex<Vec<WithheldRequest>>,
}

impl MemoryAudit {
    /// The records so far.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the requests that were kept back so far.
    pub fn take_withheld(&self) -> Vec<WithheldRequest> {
        std::mem::take(&mut self.withheld.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Audit for MemoryAudit {
    fn record(&self, record: AuditRecord) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    fn withheld(&self, request: WithheldRequest) {
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }
}
