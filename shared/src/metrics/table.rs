//! All metrics of both programs. This is the one place that names them: the page and
//! `docs/metrics.md` come from it.
//!
//! No label has values that a request chooses: no file, no keyword, no path, no caller. The label
//! `host` has the names of the fleet, on a primary alone, with at most [`SERIES_OF_HOST`] series a
//! host.

use super::labels::{CODES, ERROR_CODES, REFUSALS, ROUTES, STOPPED};
use super::row::{Kept, Kind, Label, Of, Row};

/// Series of one host on the page of a primary, at most.
pub const SERIES_OF_HOST: usize = 20;

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;

/// Times of requests.
const REQUEST: Kind = Kind::Histogram(&[
    MS,
    2_500_000,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2500 * MS,
    5 * S,
    10 * S,
    30 * S,
    60 * S,
    300 * S,
]);

/// Times until something begins.
const BEGIN: Kind = Kind::Histogram(&[
    MS,
    2_500_000,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2500 * MS,
    5 * S,
    10 * S,
    30 * S,
]);

/// Times of a read.
const READ: Kind = Kind::Histogram(&[
    100_000,
    250_000,
    500_000,
    MS,
    2_500_000,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2500 * MS,
    5 * S,
    10 * S,
]);

/// Times of a host: few bounds, since each is a series a host.
pub const UPSTREAM_BOUNDS: &[u64] = &[5 * MS, 25 * MS, 100 * MS, 500 * MS, 1500 * MS, 3 * S, 10 * S];

const fn label(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values, about: "" }
}

const fn open(name: &'static str, about: &'static str) -> Label {
    Label { name, values: &[], about }
}

const ROUTE: Label = label("route", &ROUTES);
const ENGINE: Label = label("engine", &["uring", "threads"]);
const HOST: Label = open("host", "a name in the fleet");

macro_rules! table {
    ($($id:ident: $of:ident $kept:ident $kind:expr, $name:literal [$($label:expr),*] $help:literal;)*) => {
        /// A metric. Its number is that of its row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric {
            $(#[doc = $help] $id,)*
        }

        /// All metrics.
        pub const ALL: &[Metric] = &[$(Metric::$id),*];

        /// Their rows.
        pub const TABLE: [Row; ALL.len()] = [$(
            Row {
                name: $name,
                kind: $kind,
                kept: Kept::$kept,
                labels: &[$($label),*],
                of: Of::$of,
                help: $help,
            },
        )*];
    };
}

table! {
    BuildInfo: Both Looked Kind::Info, "backscroll_build_info"
        [open("program", "`backscroll-primary` or `backscroll-secondary`"), open("version", "as `--version` says")]
        "Always 1: which program this is";
    Ready: Both Looked Kind::Gauge, "backscroll_ready" []
        "Whether /readyz says that it can serve";
    Requests: Both CountedOnceSeen Kind::Counter, "backscroll_http_requests_total" [ROUTE, label("code", &CODES)]
        "Requests that have ended, by the status of their answer (0: the client left before there was one)";
    RequestDuration: Both CountedOnceSeen REQUEST, "backscroll_http_request_duration_seconds"
        [ROUTE, label("code_class", &["2xx", "4xx", "5xx", "none"])]
        "Time from the head of a request to the end of its answer";
    RequestsInFlight: Both Counted Kind::Gauge, "backscroll_http_requests_in_flight" []
        "Requests that are being answered";
    ResponseBytes: Both Counted Kind::Counter, "backscroll_http_response_bytes_total" [ROUTE]
        "Bytes of the bodies of answers, counted at their end";
    Answers: Both Counted Kind::Counter, "backscroll_answers_total"
        [label("route", &["/logs", "/files"]), label("verdict", &["complete", "partial", "failed", "none"])]
        "Answers by their verdict (none: a problem, an answer to HEAD, or the client left)";
    Searches: Both Counted Kind::Counter, "backscroll_searches_total" [label("stopped", &STOPPED)]
        "Answers of /logs that have a verdict, by why their search stopped (unknown: the verdict does not say)";
    RangeFallbacks: Both Counted Kind::Counter, "backscroll_range_fallback_scans_total" []
        "Answers for a range of times that read a file whole, because the times in it contradict their order";
    Errors: Both Counted Kind::Counter, "backscroll_errors_total" [label("code", &ERROR_CODES)]
        "Problems, and failures in verdicts, by their code";
    FirstRecord: Both Counted BEGIN, "backscroll_first_record_seconds" []
        "Time until the first record of an answer of /logs left, or until it was known that there is none";
    ScannedBytes: Both Counted Kind::Counter, "backscroll_scanned_bytes_total" []
        "Bytes of log files that were searched, counted at the end of the answer (on a primary: as the hosts say)";
    Lines: Both Counted Kind::Counter, "backscroll_lines_total" []
        "Lines that were delivered, counted at the end of the answer";
    TruncatedLines: Both Counted Kind::Counter, "backscroll_truncated_lines_total" []
        "Lines of which only an excerpt was delivered, because they are longer than 1 MiB";
    RequestsRefused: Both Counted Kind::Counter, "backscroll_requests_refused_total"
        [label("reason", &REFUSALS)]
        "Requests that were refused, by the code of the answer (forbidden: also a file that the secondary may not read)";
    ClientsGone: Both Counted Kind::Counter, "backscroll_clients_gone_total"
        [label("reason", &["left", "stalled", "late"])]
        "Answers that a client did not take to their end: it left, it read nothing for two minutes, or it had not read all when the time for the request was over";
    Connections: Both Looked Kind::Gauge, "backscroll_connections" []
        "Open connections of clients";
    ConnectionsRefused: Both Counted Kind::Counter, "backscroll_connections_refused_total" []
        "Connections for which there was no room";
    LogLinesLost: Both Looked Kind::Counter, "backscroll_log_lines_lost_total"
        [label("log", &["log", "audit", "traces"])]
        "Lines and spans that could not be written, because too many came or because of an error";
    CertificateExpiry: Both Looked Kind::Gauge, "backscroll_certificate_expiry_timestamp_seconds"
        [label("certificate", &["server", "client"])]
        "When the certificate that is shown to others expires, in seconds since 1970";
    TokenExpiry: Both Looked Kind::Gauge, "backscroll_token_expiry_timestamp_seconds" []
        "When the next token of the token file expires, in seconds since 1970. Expired tokens do not count";
    ReloadFailed: Both Looked Kind::Gauge, "backscroll_reload_failed" [label("what", &["tokens", "tls"])]
        "Whether the newest version of a file could not be used, so that an older one is in use";
    EngineInfo: Secondary Looked Kind::Info, "backscroll_io_engine_info" [ENGINE]
        "Always 1: how files are read";
    Fallback: Secondary Looked Kind::Gauge, "backscroll_io_fallback" []
        "Whether --io auto had to take threads, because io_uring is not available";
    BlocksRead: Secondary Counted Kind::Counter, "backscroll_blocks_read_total" [ENGINE]
        "Blocks of log files that were read, from the page cache or from the disk";
    ReadBytes: Secondary Counted Kind::Counter, "backscroll_read_bytes_total" [ENGINE]
        "Bytes of these blocks";
    ReadErrors: Secondary Counted Kind::Counter, "backscroll_read_errors_total" [ENGINE]
        "Reads that failed because of the disk, or took more than 30 s";
    ReadDuration: Secondary Counted READ, "backscroll_read_duration_seconds" [ENGINE]
        "Time that a search spent on reading one block: the copy out of the page cache, or the wait for the disk";
    ReadWaits: Secondary Counted Kind::Counter, "backscroll_read_waits_total" [label("reason", &["block", "disk"])]
        "Reads that had to wait, because all blocks were in use, or because too many blocks waited for the disk";
    ReadsInFlight: Secondary Looked Kind::Gauge, "backscroll_reads_in_flight" []
        "Blocks that wait for the disk";
    PoolBlocks: Secondary Looked Kind::Gauge, "backscroll_pool_blocks" []
        "The most blocks that may be in use at once";
    PoolBlocksUsed: Secondary Looked Kind::Gauge, "backscroll_pool_blocks_used" []
        "Blocks in use";
    DeepScans: Secondary Looked Kind::Gauge, "backscroll_deep_scans" [label("state", &["running", "waiting"])]
        "Searches that read more than 1 MiB: how many read, and how many wait for their turn";
    TruncatedFiles: Secondary Counted Kind::Counter, "backscroll_truncated_files_total" []
        "Answers that ended because their file had become shorter, or another one";
    Hosts: Primary Looked Kind::Gauge, "backscroll_hosts"
        [label("state", &["ready", "not_ready", "unreachable", "down", "unknown", "missing"])]
        "Hosts of the fleet by their state (missing: expected, and known to no source of the fleet; or left out of a fleet that is full)";
    HostUp: Primary Looked Kind::Gauge, "backscroll_host_up" [HOST]
        "Whether the host answered its last probe; nothing before its first one";
    UpstreamRequests: Primary Looked Kind::Counter, "backscroll_upstream_requests_total"
        [HOST, label("outcome", &["answered", "refused", "unreachable", "timeout", "broken"])]
        "Requests to the host that have ended, without those that were given up because nobody needed them any more";
    UpstreamFirstByte: Primary Looked Kind::Histogram(UPSTREAM_BOUNDS), "backscroll_upstream_first_byte_seconds" [HOST]
        "Time from sending a request to the head of the host's answer";
    UpstreamRetries: Primary Counted Kind::Counter, "backscroll_upstream_retries_total" []
        "Requests to hosts that were sent a second time, because the first one failed early";
    UpstreamInFlight: Primary Counted Kind::Gauge, "backscroll_upstream_requests_in_flight" []
        "Requests to hosts that are under way";
    MergeWait: Primary Counted BEGIN, "backscroll_merge_wait_seconds" []
        "Time for which a merge waited for the next bytes of any host, once for each wait";
    SourceFailed: Primary Looked Kind::Gauge, "backscroll_fleet_source_failed" [label("source", &["file", "dns", "expected"])]
        "Whether the last reading of --fleet-file or --expected-file, or the last look-up of --fleet-dns, failed";
    CpuSeconds: Both Looked Kind::Counter, "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds";
    ResidentMemory: Both Looked Kind::Gauge, "process_resident_memory_bytes" []
        "Resident memory size in bytes";
    VirtualMemory: Both Looked Kind::Gauge, "process_virtual_memory_bytes" []
        "Virtual memory size in bytes";
    OpenDescriptors: Both Looked Kind::Gauge, "process_open_fds" []
        "Number of open file descriptors";
    MostDescriptors: Both Looked Kind::Gauge, "process_max_fds" []
        "Maximum number of open file descriptors";
    Threads: Both Looked Kind::Gauge, "process_threads" []
        "Number of OS threads in the process";
    StartTime: Both Looked Kind::Gauge, "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds";
}

/// The first cell of each metric, and after them how many cells there are.
pub(super) const FIRST_CELLS: [usize; ALL.len() + 1] = {
    let (mut firsts, mut at) = ([0; ALL.len() + 1], 0);
    while at < ALL.len() {
        firsts[at + 1] = firsts[at] + TABLE[at].cells();
        at += 1;
    }
    firsts
};

impl Metric {
    /// Its row.
    pub const fn row(self) -> &'static Row {
        const ROWS: &[Row] = &TABLE;
        &ROWS[self as usize]
    }

    /// Its first cell.
    pub(super) const fn first_cell(self) -> usize {
        FIRST_CELLS[self as usize]
    }
}
