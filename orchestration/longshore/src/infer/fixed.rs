//! Text of lines that are all as long: where columns begin.

use longshore_domain::rule::Encoding;

use super::kind::Evidence;
use super::layout::{Layout, SampledColumn, Section, Shape};
use super::text::trailer;

/// Lines that are shown under a guess.
const SHOWN_LINES: usize = 3;

/// Every line as long as the others. Columns begin where a character follows on a place that is blank in all lines.
pub(super) fn layout(content: &str, encoding: Encoding, widths: Option<&[u32]>) -> Result<Layout, String> {
    let lines: Vec<(usize, Vec<char>)> = content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| (index + 1, line.chars().collect()))
        .collect();
    let length = match widths {
        Some(widths) => widths.iter().map(|width| *width as usize).sum(),
        None => lines.first().map_or(0, |(_, line)| line.len()),
    };
    let last = lines.len().saturating_sub(1);
    let odd = lines.iter().position(|(_, line)| line.len() != length);
    let trailer = odd
        .filter(|place| *place == last && last > 0)
        .and_then(|_| trailer(&lines[last].1.iter().collect::<String>(), last));
    if let (Some(place), None) = (odd, &trailer) {
        return Err(format!(
            "line {}: {} characters, and columns of fixed width take {length}",
            lines[place].0,
            lines[place].1.len()
        ));
    }
    let body = match trailer {
        Some(_) => &lines[..last],
        None => &lines[..],
    };
    if widths.is_none() && (body.len() < 2 || length < 2) {
        return Err("too little to tell columns of fixed width by".to_owned());
    }
    let starts = match widths {
        Some(widths) => starts(widths),
        None => guessed_starts(body, length),
    };
    let ends = starts.iter().skip(1).copied().chain([length]);
    let columns = starts.iter().zip(ends).enumerate().map(|(place, (start, end))| {
        let mut evidence = Evidence::default();
        for (_, line) in body {
            evidence.see(line[*start..end].iter().collect::<String>().trim());
        }
        SampledColumn {
            name: format!("column_{}", place + 1),
            evidence,
            width: u32::try_from(end - start).ok(),
        }
    });
    let mut remarks = vec![];
    if widths.is_none() {
        remarks.push("columns of fixed width, a guess: each begins (^) after a place that is blank in every line; else say --widths 10,5,8".to_owned());
        let shown = body
            .iter()
            .take(SHOWN_LINES)
            .map(|(_, line)| format!("  {}", line.iter().collect::<String>()));
        remarks.extend(shown);
        let ruler: String = (0..length)
            .map(|place| if starts.contains(&place) { '^' } else { ' ' })
            .collect();
        remarks.push(format!("  {}", ruler.trim_end()));
    }
    Ok(Layout {
        shape: Shape::FixedWidth,
        encoding,
        has_header: false,
        sections: vec![Section {
            prefix: None,
            columns: columns.collect(),
        }],
        trailer,
        remarks,
    })
}

fn starts(widths: &[u32]) -> Vec<usize> {
    let mut at = 0;
    let start = |width: &u32| {
        let start = at;
        at += *width as usize;
        start
    };
    widths.iter().map(start).collect()
}

fn guessed_starts(lines: &[(usize, Vec<char>)], length: usize) -> Vec<usize> {
    let is_blank = |place: usize| lines.iter().all(|(_, line)| line[place] == ' ');
    let begins = |place: &usize| *place == 0 || (is_blank(place - 1) && !is_blank(*place));
    (0..length).filter(begins).collect()
}
