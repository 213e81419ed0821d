//! Numbers and truth values of a file, checked as Redshift does.

use std::borrow::Cow;

use super::report::RowError;

/// An integer of so many bytes.
pub(super) fn check_integer(bytes: &[u8], width: u8) -> Result<(), RowError> {
    if is_short_integer(bytes, width) {
        return Ok(());
    }
    let digits = check_digits(bytes, integer_name(width), false)?;
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let fits = match width {
        2 => text.parse::<i16>().is_ok(),
        4 => text.parse::<i32>().is_ok(),
        _ => text.parse::<i64>().is_ok(),
    };
    if fits {
        Ok(())
    } else {
        Err(RowError::new(
            1222,
            format!("Overflow, Column type: {}", integer_name(width)),
        ))
    }
}

/// Whether there are digits alone, and so few of them that the number fits whatever they are.
fn is_short_integer(bytes: &[u8], width: u8) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    (1..=most_digits(width)).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// So many digits fit an integer of so many bytes, whatever they are.
pub(super) fn most_digits(width: u8) -> usize {
    match width {
        2 => 4,
        4 => 9,
        _ => 18,
    }
}

fn integer_name(width: u8) -> &'static str {
    match width {
        2 => "Short",
        4 => "Integer",
        _ => "Long",
    }
}

/// Checks a DECIMAL and cuts its surplus digits off; ROUNDEC rounds them.
pub(super) fn convert_decimal(
    bytes: &[u8],
    precision: u32,
    scale: u32,
    rounds: bool,
) -> Result<Cow<'_, [u8]>, RowError> {
    if fits_as_it_is(bytes, precision, scale) {
        return Ok(Cow::Borrowed(bytes));
    }
    fit_decimal(bytes, precision, scale, rounds).map(|text| Cow::Owned(text.into_bytes()))
}

/// Most numbers of a file are within the column's digits and need no rewriting.
fn fits_as_it_is(bytes: &[u8], precision: u32, scale: u32) -> bool {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &unsigned[whole..];
    let fraction = rest.strip_prefix(b".").unwrap_or_default();
    let is_number =
        whole > 0 && (rest.is_empty() || rest[0] == b'.') && fraction.iter().all(u8::is_ascii_digit);
    let (precision, scale) = (u64::from(precision), u64::from(scale));
    let (whole, fraction) = (to_u64(whole), to_u64(fraction.len()));
    is_number && whole + scale <= precision && fraction <= scale
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn fit_decimal(bytes: &[u8], precision: u32, scale: u32, rounds: bool) -> Result<String, RowError> {
    let digits = check_digits(bytes, "Decimal", true)?;
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let scale_digits = usize::try_from(scale).unwrap_or(0);
    let kept = &fraction[..fraction.len().min(scale_digits)];
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    digits.resize(whole.len() + scale_digits, b'0');
    if rounds
        && fraction
            .as_bytes()
            .get(scale_digits)
            .is_some_and(|digit| *digit >= b'5')
    {
        increment(&mut digits);
    }
    let whole_length = digits.len() - scale_digits;
    let significant = digits[..whole_length]
        .iter()
        .skip_while(|digit| **digit == b'0')
        .count();
    if significant + scale_digits > usize::try_from(precision).unwrap_or(usize::MAX) {
        return Err(RowError::new(
            1204,
            format!("Overflow for NUMERIC({precision},{scale})"),
        ));
    }
    let text = String::from_utf8_lossy(&digits);
    let (whole, fraction) = text.split_at(whole_length);
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// The number without its blanks; digits alone, after a sign and around a point.
fn check_digits<'a>(bytes: &'a [u8], kind: &str, with_point: bool) -> Result<&'a [u8], RowError> {
    let leading = bytes.len() - bytes.trim_ascii_start().len();
    let number = bytes.trim_ascii();
    let unsigned = number
        .strip_prefix(b"-")
        .or_else(|| number.strip_prefix(b"+"))
        .unwrap_or(number);
    let offset = leading + number.len() - unsigned.len();
    let mut has_point = false;
    let mut has_digit = false;
    for (at, byte) in unsigned.iter().enumerate() {
        match byte {
            b'0'..=b'9' => has_digit = true,
            b'.' if with_point && !has_point => has_point = true,
            _ => return Err(RowError::invalid_digit(&unsigned[at..], offset + at, kind)),
        }
    }
    if has_digit {
        Ok(number)
    } else {
        Err(RowError::invalid_digit(number, leading, kind))
    }
}

/// REAL and DOUBLE PRECISION, of so many bytes.
pub(super) fn check_float(bytes: &[u8], width: u8) -> Result<(), RowError> {
    let text = std::str::from_utf8(bytes.trim_ascii()).unwrap_or_default();
    let (number, name) = match width {
        4 => (text.parse::<f32>().map(f64::from), "Real"),
        _ => (text.parse::<f64>(), "Double"),
    };
    // `inf` and `nan` have no digit.
    let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
    let range_error = |what: &str| Err(RowError::new(1204, format!("{what}, Column type: {name}")));
    match number {
        Ok(number) if number.is_infinite() && is_number => range_error("Overflow"),
        Ok(number) if number == 0.0 && !is_written_as_zero(text) => range_error("Underflow"),
        Ok(_) => Ok(()),
        Err(_) => Err(RowError {
            code: 1208,
            ..RowError::invalid_digit(bytes.trim_ascii(), 0, "Double")
        }),
    }
}

/// Whether no digit before the exponent is more than zero.
fn is_written_as_zero(text: &str) -> bool {
    let mut digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    !digits.any(|byte| (b'1'..=b'9').contains(&byte))
}

/// BOOLEAN in all the manual's spellings.
pub(super) fn convert_boolean(bytes: &[u8]) -> Result<&'static str, RowError> {
    const TRUE: [&[u8]; 5] = [b"t", b"true", b"1", b"y", b"yes"];
    const FALSE: [&[u8]; 5] = [b"f", b"false", b"0", b"n", b"no"];
    match bytes {
        b"t" => return Ok("t"),
        b"f" => return Ok("f"),
        _ => {}
    }
    let text = bytes.trim_ascii();
    let is_one_of = |words: [&[u8]; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(TRUE) {
        Ok("t")
    } else if is_one_of(FALSE) {
        Ok("f")
    } else {
        Err(RowError::new(1210, "Unknown boolean format"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_checked_by_digit_and_by_range() {
        for (text, width, reason) in [
            ("12a", 4, "Invalid digit, Value 'a', Pos 2, Type: Integer"),
            ("", 4, "Invalid digit, Value '', Pos 0, Type: Integer"),
            ("1.5", 8, "Invalid digit, Value '.', Pos 1, Type: Long"),
            ("40000", 2, "Overflow, Column type: Short"),
            ("9999999999", 4, "Overflow, Column type: Integer"),
        ] {
            assert_eq!(
                check_integer(text.as_bytes(), width).unwrap_err().reason,
                reason,
                "{text}"
            );
        }
        for text in ["0", "-5", "+5", " 7 "] {
            check_integer(text.as_bytes(), 2).unwrap();
        }
    }

    #[test]
    fn decimals_lose_or_round_their_surplus_digits() {
        for (text, rounds, expected) in [
            ("1.239", false, "1.23"),
            ("1.235", true, "1.24"),
            ("9.999", true, "10.00"),
            ("-.5", false, "-0.50"),
            ("7", false, "7"),
            ("+7.5", false, "7.50"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&convert_decimal(text.as_bytes(), 5, 2, rounds).unwrap()),
                expected,
                "{text}"
            );
        }
        assert_eq!(convert_decimal(b"12345", 5, 2, false).unwrap_err().code, 1204);
        assert_eq!(convert_decimal(b"1e5", 5, 2, false).unwrap_err().code, 1207);
    }

    #[test]
    fn truth_values_are_known_in_the_manuals_spellings() {
        assert_eq!(convert_boolean(b"YES").unwrap(), "t");
        assert_eq!(convert_boolean(b"0").unwrap(), "f");
        assert_eq!(
            convert_boolean(b"maybe").unwrap_err().reason,
            "Unknown boolean format"
        );
    }
}
