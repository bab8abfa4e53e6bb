use super::*;
use crate::compare::machine::Tool;

fn spread(median: f64) -> Option<Spread> {
    Spread::of(&[median / 2.0, median, median * 2.0])
}

fn results() -> Results {
    let mut samples = Samples::default();
    samples.push("curl", "s", 0.1234, Some(0.05));
    samples.push("rg -F -c", "s", 12.34, None);
    let mut row = Row::new("A title", "How it was done.").with(&samples);
    row.name = "scan-warm".to_owned();
    row.ratio("time, to rg", spread(0.5), Some(Target::AtMost(1.0)));
    row.ratio("speed, to inline", spread(0.5), Some(Target::AtLeast(0.9)));
    row.ratio("to fio", None, Some(Target::AtLeast(0.9)));
    row.figure("memory", "MiB", spread(40.0), None);
    row.note("a remark");
    let tool = |name: &str, version: Option<&str>| Tool {
        name: name.to_owned(),
        version: version.map(str::to_owned),
    };
    Results {
        date: "2026-11-25".to_owned(),
        quick: true,
        machine: Machine {
            cpu: "Some CPU".to_owned(),
            cores: 2,
            memory_gib: 8,
            linux: "6.1".to_owned(),
            file_system: "ext4".to_owned(),
            tools: vec![tool("rg", Some("ripgrep 14.1")), tool("fio", None)],
        },
        rows: vec![row],
        plots: vec![],
        nginx_config: Some("daemon off;\n".to_owned()),
    }
}

#[test]
fn the_report_says_what_was_met_missed_and_not_measured() {
    let text = results().markdown("prefix");
    for line in [
        "# Comparison of 2026-11-25, quick",
        "| scan-warm | time, to rg | 0.500 × | 0.250 to 1.00 | ≤ 1 | met |",
        "| scan-warm | speed, to inline | 0.500 × | 0.250 to 1.00 | ≥ 0.9 | **missed** |",
        "| scan-warm | to fio |  |  | ≥ 0.9 | not measured |",
        "| scan-warm | memory | 40.0 MiB | 20.0 to 80.0 |  |  |",
        "| curl | 0.123 s | 0.123 to 0.123 | 1 | 0.050 |",
        "| rg -F -c | 12.3 s | 12.3 to 12.3 | 1 |  |",
        "- a remark",
        "- Compared with: ripgrep 14.1.",
        "- Not installed, so its rows are left out: fio.",
        "daemon off;",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n---\n{text}");
    }
}

#[test]
fn the_json_holds_all_of_it() {
    let results = results();
    let json = serde_json::to_string_pretty(&results).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
    assert!(json.contains("\"at_most\": 1.0"));
}
