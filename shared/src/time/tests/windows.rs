//! The limits of what is searched in a line neither cut a time, nor make a wrong one appear.

use super::{LineTimes, found};
use proptest::prelude::*;
use serde_json::{Value, json};

const TIME: &str = "2024-11-05T10:11:12.123456789+02:00";

/// Objects as libraries write them, with `pad` at different places.
fn objects(pad: &str) -> [String; 8] {
    [
        format!(r#"{{"log":"{pad}\n","stream":"stdout","time":"{TIME}"}}"#),
        format!(r#"{{"level":"error","msg":"{pad}","time":"{TIME}"}}"#),
        format!(r#"{{"event": "{pad}", "level": "info", "timestamp": "{TIME}"}}"#),
        format!(r#"{{"name":"a","msg":"{pad}","time":"{TIME}","v":0}}"#),
        format!(r#"{{"message":"{pad}","context":{{"time":"x"}},"datetime":"{TIME}","extra":{{}}}}"#),
        format!(r#"{{"{pad}":1,"ts":"{TIME}"}}"#),
        format!(r#"{{"a":{{"b":["{pad}",{{"time":"2020-01-01T00:00:00Z"}}]}},"@timestamp":"{TIME}"}}"#),
        format!(r#"{{"time":"{TIME}","msg":"{pad}"}}"#),
    ]
}

#[test]
fn objects_of_every_length_have_their_time() {
    let lengths = (0..700).chain(3900..4200).chain(8100..8300).chain([100_000]);
    for length in lengths {
        for (kind, line) in objects(&"x".repeat(length)).iter().enumerate() {
            // A name that is longer than all known ones is not read.
            if kind != 5 || length < 100 {
                assert_eq!(found(line).as_deref(), Some(TIME), "{kind}, {length}");
            }
        }
    }
}

#[test]
fn a_message_full_of_quotes_and_backslashes_hides_nothing() {
    for piece in [r#"\""#, r"\\", r#"\\\""#, r#"\",\"time\":\"2020-01-01T00:00:00Z\""#, r"}\n{"] {
        for count in [1, 2, 3, 50, 333, 2000, 5000] {
            for (kind, line) in objects(&piece.repeat(count)).iter().enumerate() {
                if kind != 5 {
                    assert_eq!(found(line).as_deref(), Some(TIME), "{kind}, {count} of {piece}");
                }
            }
        }
    }
}

#[test]
fn a_text_s_time_is_read_to_its_end_wherever_it_stands() {
    for length in 1..400 {
        let user = "u".repeat(length);
        for line in [
            format!("10.1.2.3 - {user} [05/Nov/2024:10:11:12.123 +0200] \"GET /\" 200"),
            format!("{user} - - [05/Nov/2024:10:11:12.123 +0200] \"GET /\" 200"),
            format!("a={user} time=\"2024-11-05 10:11:12.123 +0200\" x=y"),
        ] {
            let found = found(&line);
            assert!(matches!(found.as_deref(), None | Some("2024-11-05T10:11:12.123+02:00")), "{line}");
            assert!(found.is_some() || length > 200, "{line}");
        }
    }
}

/// A line that its writer cut off can end with the `}` of an inner object.
#[test]
fn an_inner_objects_time_at_the_end_of_a_cut_line_does_not_count() {
    let pad = "y".repeat(9000);
    for inner in [
        r#"{"time":"2020-01-01T00:00:00Z","z":1}"#,
        r#"{"z":1,"time":"2020-01-01T00:00:00Z"}"#,
        r#"[{"a":{},"ts":1577836800}"#,
        r#"[[{"a":"\"}","ts":1577836800}"#,
        r#"{"a":[{"b":"c"},{"time":"2020-01-01T00:00:00Z"}"#,
    ] {
        for line in [
            format!(r#"{{"f":"{pad}","g":{inner}"#),
            format!(r#"{{"f":["{pad}",{inner}"#),
            format!(r#"{{"log":"{}","attrs":{inner}"#, &pad[..100]),
        ] {
            assert_eq!(found(&line), None, "{line}");
        }
        // A text that is longer than what is read back, then the object's time.
        let line = format!(r#"{{"f":"{pad}","time":"{TIME}"}}"#);
        assert_eq!(found(&line).as_deref(), Some(TIME));
    }
}

/// A value that is never the time of the line, whatever it contains.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\{}:,\\[\\] ]{0,40}".prop_map(Value::from),
        Just(json!("\"time\":\"2020-01-01T00:00:00Z\"")),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (inner, any::<bool>()).prop_map(|(inner, timed)| {
                if timed {
                    json!({"time": "2020-01-01T00:00:00Z", "z": inner})
                } else {
                    json!({"a": inner, "ts": 1_577_836_800})
                }
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_the_outermost_objects_time_counts(
        fields in prop::collection::vec((value(), 0usize..1500), 0..8),
        place in 0usize..9,
        blanks in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut parts: Vec<String> = fields
            .iter()
            .enumerate()
            .map(|(at, (value, pad))| format!("\"f{at}\":[{value},\"{}\"]", "y".repeat(*pad)))
            .collect();
        parts.insert(place.min(parts.len()), format!("\"time\":\"{TIME}\""));
        let line = format!("{{{}}}", parts.join(if blanks { " , " } else { "," }));
        let found_time = found(&line);
        // In a line that is longer than both parts read, the time may lie between them.
        prop_assert!(found_time.as_deref() == Some(TIME) || line.len() > 8000 && found_time.is_none(), "{}", line);
        let cut = &line.as_bytes()[..cut.index(line.len())];
        prop_assert!(matches!(found(cut).as_deref(), None | Some(TIME)), "{}", line);
    }

    #[test]
    fn any_object_is_borne(fields in prop::collection::vec("[a-z@_\"\\\\{}:,\\[\\]0-9. +-]{0,30}", 0..200)) {
        let line = format!("{{\"time\":{}}}", fields.concat());
        LineTimes::with_zone(0, super::berlin()).of(line.as_bytes());
        LineTimes::with_zone(0, super::berlin()).of(&line.as_bytes()[1..]);
    }
}
