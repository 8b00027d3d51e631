//! Samples of signals: of one series by time, packed for good; of many as they came.

use super::{
    DECODED_MAX, FORMAT_POINTS, FORMAT_ROWS, FORMAT_RUN, FORMAT_SAMPLES, compress_numbers, damaged, decompress_numbers,
    open, pack, seal, unpack,
};
use crate::Result;
use crate::samples::Points;

/// Decimal places that are looked for in values: what people and exporters round to.
const DECIMALS_MAX: u8 = 6;

/// Values as whole numbers of the smallest decimal unit that gives each of them back exactly; `None` where
/// there is none. Differences of whole numbers pack better than those of fractions.
fn as_decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    (0..=DECIMALS_MAX).find_map(|places| {
        let unit = 10_f64.powi(i32::from(places));
        let whole = |value: &f64| {
            let scaled = (value * unit).round();
            let number = scaled as i64;
            // Through the whole number, so that −0.0 is seen to lose its sign.
            let exact = scaled.abs() < 9e15 && (number as f64 / unit).to_bits() == value.to_bits();
            exact.then_some(number)
        };
        // Most series fail at their first value, which then costs nothing more.
        values.iter().map(whole).collect::<Option<Vec<i64>>>().map(|numbers| (places, numbers))
    })
}

/// Points of one series: even steps of time as a start and a step, decimal values as whole numbers, values
/// that never change as one.
pub(crate) fn encode_samples(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut payload = (times.len() as u32).to_le_bytes().to_vec();
    let step = times.get(1).map_or(0, |second| second.wrapping_sub(times[0]));
    if !times.is_empty() && times.windows(2).all(|w| w[1].wrapping_sub(w[0]) == step) {
        payload.push(1);
        payload.extend(times[0].to_le_bytes());
        payload.extend(step.to_le_bytes());
    } else {
        let times = compress_numbers(times);
        payload.push(0);
        payload.extend((times.len() as u32).to_le_bytes());
        payload.extend(times);
    }
    if !values.is_empty() && values.iter().all(|v| v.to_bits() == values[0].to_bits()) {
        payload.push(1);
        payload.extend(values[0].to_le_bytes());
    } else if let Some((places, numbers)) = as_decimals(values) {
        payload.extend([2, places]);
        payload.extend(compress_numbers(&numbers));
    } else {
        payload.push(0);
        payload.extend(compress_numbers(values));
    }
    seal(FORMAT_RUN, payload)
}

pub(crate) fn decode_samples(blob: &[u8]) -> Result<(Vec<i64>, Vec<f64>)> {
    let short = || damaged("a chunk of samples is cut short");
    let payload = match open(blob)? {
        (FORMAT_RUN, payload) => return decode_run(payload),
        (FORMAT_SAMPLES, payload) => payload,
        (other, _) => return Err(damaged(&format!("format {other} where samples were expected"))),
    };
    let (size, rest) = payload.split_at_checked(4).ok_or_else(short)?;
    let size = u32::from_le_bytes(size.try_into().map_err(|_| short())?) as usize;
    let (times, values) = rest.split_at_checked(size).ok_or_else(short)?;
    let (times, values) = (decompress_numbers(times)?, decompress_numbers(values)?);
    if times.len() != values.len() {
        return Err(short());
    }
    Ok((times, values))
}

fn decode_run(payload: &[u8]) -> Result<(Vec<i64>, Vec<f64>)> {
    let mut rest = payload;
    let mut take = |count: usize| -> Result<&[u8]> {
        let (taken, left) = rest.split_at_checked(count).ok_or_else(|| damaged("a chunk of samples is cut short"))?;
        rest = left;
        Ok(taken)
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let count = number(take(4)?) as usize;
    if count > DECODED_MAX / 16 {
        return Err(damaged("a chunk claims more samples than fit a gibibyte"));
    }
    let times = match take(1)?[0] {
        1 => {
            let (start, step) = (number(take(8)?) as i64, number(take(8)?) as i64);
            (0..count as i64).map(|i| start.wrapping_add(step.wrapping_mul(i))).collect()
        }
        _ => {
            let size = number(take(4)?) as usize;
            decompress_numbers::<i64>(take(size)?)?
        }
    };
    let values = match take(1)?[0] {
        1 => vec![f64::from_bits(number(take(8)?)); count],
        2 => {
            let unit = 10_f64.powi(i32::from(take(1)?[0]));
            decompress_numbers::<i64>(rest)?.into_iter().map(|n| n as f64 / unit).collect()
        }
        _ => decompress_numbers::<f64>(rest)?,
    };
    if times.len() != count || values.len() != count {
        return Err(damaged("a chunk of samples is cut short"));
    }
    Ok((times, values))
}

/// Samples as they came, of many series: light, for they are read once.
pub(crate) fn encode_points(points: &Points) -> Vec<u8> {
    let mut payload = Vec::with_capacity(points.len() * 24);
    for column in [&points.series, &points.at] {
        payload.extend(column.iter().flat_map(|v| v.to_le_bytes()));
    }
    payload.extend(points.values.iter().flat_map(|v| v.to_le_bytes()));
    seal(FORMAT_POINTS, pack(&payload, 1))
}

pub(crate) fn decode_points(blob: &[u8]) -> Result<Points> {
    let payload = match open(blob)? {
        (FORMAT_POINTS, payload) => unpack(payload)?,
        // As written before there was a shape of their own.
        (FORMAT_ROWS, payload) => {
            let rows: Vec<(i64, i64, f64)> = postcard::from_bytes(&unpack(payload)?)
                .map_err(|e| damaged(&format!("samples do not decode ({e})")))?;
            let mut points = Points::default();
            rows.into_iter().for_each(|(series, at, value)| points.push(series, at, value));
            return Ok(points);
        }
        (other, _) => return Err(damaged(&format!("format {other} where samples were expected"))),
    };
    if payload.len() % 24 != 0 {
        return Err(damaged("a batch of samples is cut short"));
    }
    let column = |i: usize| payload[i * payload.len() / 3..(i + 1) * payload.len() / 3].as_chunks::<8>().0;
    Ok(Points {
        series: column(0).iter().map(|b| i64::from_le_bytes(*b)).collect(),
        at: column(1).iter().map(|b| i64::from_le_bytes(*b)).collect(),
        values: column(2).iter().map(|b| f64::from_le_bytes(*b)).collect(),
    })
}
