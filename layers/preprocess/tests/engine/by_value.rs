//! Splitting by value, compared with going from line to line: whole, in single bytes and in random pieces.

use std::collections::BTreeMap;

use longshore_preprocess::{
    KeyPlace, OutputError, SplitLimits, SplitValue, ValueOutputs, ValueSplitError, ValueSplitter,
};
use proptest::prelude::*;

/// What was written of each value, in the order of their indices.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept(Vec<(Vec<u8>, Vec<u8>)>);

impl ValueOutputs for Kept {
    fn write(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> Result<(), OutputError> {
        if self.0.len() <= index {
            self.0.resize(index + 1, Default::default());
        }
        let (of, kept) = &mut self.0[index];
        assert!(kept.is_empty() || of == value, "an index is of one value");
        assert!(!bytes.is_empty());
        *of = value.to_vec();
        kept.extend_from_slice(bytes);
        Ok(())
    }
}

fn split(
    text: &[u8],
    pieces: &[usize],
    place: KeyPlace,
    limits: SplitLimits,
) -> Result<(Kept, Vec<SplitValue>), ValueSplitError> {
    let mut kept = Kept::default();
    let mut splitter = ValueSplitter::new(place, limits);
    let mut rest = text;
    for &piece in pieces.iter().cycle() {
        let (block, after) = rest.split_at(piece.min(rest.len()));
        splitter.push(block, &mut kept)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let values = splitter.finish(&mut kept)?;
    Ok((kept, values))
}

/// The slow way: line by line, each appended to what its value has.
fn obvious(text: &[u8], from: usize, to: usize) -> BTreeMap<Vec<u8>, (u64, Vec<u8>)> {
    let mut values: BTreeMap<Vec<u8>, (u64, Vec<u8>)> = BTreeMap::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let mut content = line;
        if content.ends_with(b"\n") {
            content = &content[..content.len() - 1];
            if content.ends_with(b"\r") {
                content = &content[..content.len() - 1];
            }
        }
        let value: Vec<u8> = content
            .iter()
            .copied()
            .skip(from - 1)
            .take(to + 1 - from)
            .collect();
        let (records, bytes) = values.entry(value).or_default();
        *records += 1;
        bytes.extend_from_slice(line);
    }
    values
}

fn symbols() -> impl Strategy<Value = Vec<u8>> {
    let symbol = prop_oneof![
        4 => Just(b"\n".to_vec()), 2 => Just(b"\r\n".to_vec()), 1 => Just(b"\r".to_vec()), 1 => Just(vec![0]), 1 => Just(vec![0xFF]),
        4 => Just(b"a".to_vec()), 4 => Just(b"b".to_vec()), 1 => prop::collection::vec(Just(b'x'), 0..90),
    ];
    prop::collection::vec(symbol, 0..200).prop_map(|symbols| symbols.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_value_gets_the_lines_that_hold_it_whatever_the_pieces(
        text in symbols(),
        pieces in prop_oneof![Just(vec![usize::MAX]), Just(vec![1]), prop::collection::vec(1_usize..60, 1..20)],
        from in 1_usize..5,
        width in 0_usize..11,
        staged_bytes in prop_oneof![Just(1), Just(64), Just(1 << 20)],
    ) {
        let to = from + width;
        let place: KeyPlace = format!("{from}:{to}").parse()?;
        let (kept, values) = split(&text, &pieces, place, SplitLimits { staged_bytes, ..SplitLimits::default() })?;
        let expected = obvious(&text, from, to);
        let kept: BTreeMap<_, _> = kept.0.into_iter().collect();
        prop_assert_eq!(values.len(), expected.len());
        for SplitValue { value, records, bytes } in values {
            let (lines, text) = &expected[&*value];
            prop_assert_eq!(&kept[&*value], text);
            prop_assert_eq!((records, bytes), (*lines, text.len() as u64));
        }
    }
}

#[test]
fn a_record_longer_than_what_is_looked_at_together_stays_whole() -> Result<(), Box<dyn std::error::Error>> {
    let long = [b"AA".as_slice(), &vec![b'x'; 3_000_000], b"\n"].concat();
    let text = [b"BB1\n".as_slice(), &long, b"BB2\n", &long[..1_000_000]].concat();
    for pieces in [vec![usize::MAX], vec![65_536], vec![1_000_003]] {
        let (kept, _) = split(&text, &pieces, "1:2".parse()?, SplitLimits::default())?;
        let expected = [
            (b"BB".to_vec(), b"BB1\nBB2\n".to_vec()),
            (b"AA".to_vec(), [&long[..], &long[..1_000_000]].concat()),
        ];
        assert!(kept.0 == expected);
    }
    Ok(())
}

#[test]
fn five_hundred_values_that_come_in_turn_are_told_apart() -> Result<(), Box<dyn std::error::Error>> {
    let text: String = (0..200_000)
        .map(|line| format!("{:03}|{line}\n", line % 500))
        .collect();
    let (kept, values) = split(text.as_bytes(), &[65_536], "1:3".parse()?, SplitLimits::default())?;
    let expected = obvious(text.as_bytes(), 1, 3);
    assert_eq!(values.len(), 500);
    assert!(
        kept.0
            .iter()
            .all(|(value, bytes)| expected[value] == (400, bytes.clone()))
    );
    Ok(())
}

#[test]
fn too_many_values_are_refused_with_the_line() -> Result<(), Box<dyn std::error::Error>> {
    let limits = SplitLimits {
        values: 2,
        ..SplitLimits::default()
    };
    let error = split(b"a\nb\na\nc\n", &[1], "1:1".parse()?, limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 4: bytes 1:1 have more than 2 values; name bytes that tell one type from another"
    );
    Ok(())
}
