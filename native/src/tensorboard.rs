//! A run as TensorBoard reads it: an event file beside `events.jsonl`.
//!
//! The file is a row of TFRecords (tensorflow/core/lib/io/record_writer.h): length and payload, each with a masked
//! CRC-32C. A payload is an `Event` (tensorflow/core/util/event.proto) with a `Summary`
//! (tensorflow/core/framework/summary.proto). The few fields used here are encoded by hand: the crates that know the
//! whole format bring a protobuf compiler or an older copy of `image` along, or have not been kept up.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use whelp::data::Grid;
use whelp::protocol::Event;

use crate::append::AppendFile;
use crate::lock::host;

/// Says how a reader is to treat restarts; what TensorFlow and PyTorch write too.
const FILE_VERSION: &str = "brain.Event:2";

/// How the name of an event file begins.
const PREFIX: &str = "events.out.tfevents.";

/// `SessionLog.SessionStatus.START`.
const SESSION_START: u64 = 1;

/// One event file, open for writing.
#[derive(Debug)]
pub struct TensorBoard {
    file: AppendFile,
    /// The folder has files of an earlier session.
    is_continued: bool,
    /// Steps up to this one are in those.
    known_through: u64,
}

impl TensorBoard {
    /// Begins `folder/events.out.tfevents.<unix seconds>.<host>`. TensorBoard puts the files of a folder together, in the order of
    /// their names: this one comes after all others, also after one that began in the same second.
    pub fn create(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let others: Vec<Option<u64>> =
            fs::read_dir(folder)?.flatten().filter_map(|entry| event_file_secs(&entry.path())).collect();
        let after_others = others.iter().flatten().max().map_or(0, |secs| secs + 1);
        let (host, mut secs) = (host(), since_epoch().as_secs().max(after_others));
        let file = loop {
            match AppendFile::create_new(&folder.join(format!("{PREFIX}{secs:010}.{host}"))) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => secs += 1,
                result => break result?,
            }
        };
        let is_continued = !others.is_empty();
        let mut writer = Self { file, is_continued, known_through: 0 };
        writer.write(&[event(now_secs(), 0, |out| bytes_field(out, 3, FILE_VERSION.as_bytes()))])?;
        Ok(writer)
    }

    /// Writes what TensorBoard can show of `event`; `png` is the grid of a `Samples` event.
    ///
    /// Handed to the system with one call, so that a kill loses nothing of earlier events.
    pub fn record(&mut self, event: &Event, png: Option<&[u8]>) -> io::Result<()> {
        let now = now_secs();
        let mut payloads = Vec::new();
        match event {
            Event::Started { progress, .. } if self.is_continued => {
                // A reader drops what a killed session computed after the checkpoint that this one goes on from.
                payloads.push(session_start(now, progress.step + 1));
                self.known_through = progress.step;
            }
            Event::Tick { series, .. } => {
                let new = series.rows().filter(|(step, _)| *step > self.known_through);
                payloads.extend(new.map(|(step, values)| scalars(now, step, &values)));
            }
            Event::Values { step, values, .. } => {
                let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), *value as f32)).collect();
                payloads.push(scalars(now, *step, &values));
            }
            Event::Samples { step, grid, .. } => {
                payloads.extend(png.map(|png| image(now, *step, "samples", grid, png)))
            }
            Event::Started { .. }
            | Event::Diagnosis { .. }
            | Event::Warning { .. }
            | Event::Checkpoint { .. }
            | Event::Best { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Drawn { .. }
            | Event::Failed { .. }
            | Event::Finished { .. } => {}
        }
        self.write(&payloads)
    }

    fn write(&mut self, payloads: &[Vec<u8>]) -> io::Result<()> {
        let records: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        self.file.append(&records)
    }
}

fn since_epoch() -> Duration {
    // Before 1970 only if the clock was never set.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now_secs() -> f64 {
    since_epoch().as_secs_f64()
}

/// Whether a file is TensorBoard's, by its name.
pub fn is_event_file(path: &Path) -> bool {
    event_file_secs(path).is_some()
}

/// When an event file was begun, in seconds since 1970, if its name tells it; none at all of another file.
fn event_file_secs(path: &Path) -> Option<Option<u64>> {
    let rest = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    Some(rest.split('.').next().and_then(|secs| secs.parse().ok()))
}

/// A record of an event file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of its event; 0 if it has none.
    pub step: u64,
    /// Bytes of the whole record.
    pub length: u64,
    /// Whether there is something to be seen in it: values or a picture.
    pub has_summary: bool,
}

/// Reads the next record. None at the end, and where a kill has left a part of one.
///
/// # Errors
/// Those of the system.
pub fn next_record(file: &mut impl Read) -> io::Result<Option<Record>> {
    let mut head = [0; 12];
    if !fill(file, &mut head)? {
        return Ok(None);
    }
    let (length, crc) = head.split_at(8);
    if crc != masked_crc(length).to_le_bytes() {
        return Ok(None);
    }
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    let mut payload = Vec::new();
    file.take(length).read_to_end(&mut payload)?;
    let mut crc = [0; 4];
    let is_whole = payload.len() as u64 == length && fill(file, &mut crc)? && crc == masked_crc(&payload).to_le_bytes();
    Ok(is_whole.then(|| {
        let (step, what) = step_of(&payload);
        Record { step, length: length + 16, has_summary: what == Some(&SUMMARY) }
    }))
}

/// Whether there were enough bytes.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| true),
    }
}

/// The key of `Event.summary`.
const SUMMARY: u8 = (5 << 3 | WIRE_BYTES) as u8;

/// `Event.step`, which comes after the time and before everything else, here and where protobuf's own encoders write it; and the key
/// of what comes next.
fn step_of(event: &[u8]) -> (u64, Option<&u8>) {
    let rest = event.get(1 + size_of::<f64>()..).unwrap_or_default();
    let [key, rest @ ..] = rest else { return (0, None) };
    if u64::from(*key) != 2 << 3 | WIRE_VARINT {
        return (0, Some(key));
    }
    let (mut step, mut shift) = (0, 0);
    for (place, byte) in rest.iter().enumerate() {
        step |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        shift += 7;
        if byte & 0x80 == 0 {
            return (step, rest.get(place + 1));
        }
    }
    (step, None)
}

/// A TFRecord: `u64 length, u32 crc(length), payload, u32 crc(payload)`, little-endian.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(payload.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(payload);
    record.extend(masked_crc(payload).to_le_bytes());
    record
}

/// A CRC of data that holds CRCs is a weak one, hence the mask (tensorflow/core/lib/hash/crc32c.h).
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// `Event { double wall_time = 1; int64 step = 2; <what> }`.
fn event(wall_time_secs: f64, step: u64, what: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    key(&mut out, 1, WIRE_64_BITS);
    out.extend(wall_time_secs.to_le_bytes());
    if step > 0 {
        varint_field(&mut out, 2, step);
    }
    what(&mut out);
    out
}

/// `Event.session_log = 7`: `SessionLog { SessionStatus status = 1; }`.
fn session_start(wall_time_secs: f64, step: u64) -> Vec<u8> {
    let mut log = Vec::new();
    varint_field(&mut log, 1, SESSION_START);
    event(wall_time_secs, step, |out| bytes_field(out, 7, &log))
}

/// `Event.summary = 5`: `Summary { repeated Value value = 1; }` of `Value { string tag = 1; float simple_value = 2; }`.
fn scalars(wall_time_secs: f64, step: u64, values: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, number) in values {
        let mut value = Vec::new();
        bytes_field(&mut value, 1, tag.as_bytes());
        key(&mut value, 2, WIRE_32_BITS);
        value.extend(number.to_le_bytes());
        bytes_field(&mut summary, 1, &value);
    }
    event(wall_time_secs, step, |out| bytes_field(out, 5, &summary))
}

/// `Value.image = 4`: `Image { int32 height = 1, width = 2, colorspace = 3; bytes encoded_image_string = 4; }`, where
/// the colour space is the number of channels.
fn image(wall_time_secs: f64, step: u64, tag: &str, grid: &Grid, png: &[u8]) -> Vec<u8> {
    let mut image = Vec::new();
    varint_field(&mut image, 1, grid.height() as u64);
    varint_field(&mut image, 2, grid.width() as u64);
    varint_field(&mut image, 3, grid.channels as u64);
    bytes_field(&mut image, 4, png);
    let mut value = Vec::new();
    bytes_field(&mut value, 1, tag.as_bytes());
    bytes_field(&mut value, 4, &image);
    let mut summary = Vec::new();
    bytes_field(&mut summary, 1, &value);
    event(wall_time_secs, step, |out| bytes_field(out, 5, &summary))
}

// Protobuf's wire types (https://protobuf.dev/programming-guides/encoding).
const WIRE_VARINT: u64 = 0;
const WIRE_64_BITS: u64 = 1;
const WIRE_BYTES: u64 = 2;
const WIRE_32_BITS: u64 = 5;

fn key(out: &mut Vec<u8>, number: u64, wire: u64) {
    varint(out, number << 3 | wire);
}

fn varint_field(out: &mut Vec<u8>, number: u64, value: u64) {
    key(out, number, WIRE_VARINT);
    varint(out, value);
}

fn bytes_field(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    key(out, number, WIRE_BYTES);
    varint(out, value.len() as u64);
    out.extend(value);
}

/// Seven bits a byte, lowest first, the eighth says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL_TIME_SECS: f64 = 1_700_000_000.5;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    }

    /// `RecordWriter(file).write(event.SerializeToString())` of tensorboard 2.21.0, with `RecordWriter` from
    /// `tensorboard.summary.writer.record_writer` and `Event(wall_time=1700000000.5, ...)` from
    /// `tensorboard.compat.proto.event_pb2`.
    #[test]
    fn records_are_tensorboards_to_the_byte() {
        // Event(step=300, summary=Summary(value=[Summary.Value(tag="loss/d", simple_value=1.25)]))
        let scalar = "1d 00 00 00 00 00 00 00 60 2f df 23 09 00 00 20 40 fc 54 d9 41 10 ac 02 2a 0f 0a 0d 0a 06 6c 6f \
                      73 73 2f 64 15 00 00 a0 3f df 7b bb a2";
        assert_eq!(hex(&frame(&scalars(WALL_TIME_SECS, 300, &[("loss/d", 1.25)]))), scalar);
        // Event(file_version="brain.Event:2")
        let version = "18 00 00 00 00 00 00 00 a3 7f 4b 22 09 00 00 20 40 fc 54 d9 41 1a 0d 62 72 61 69 6e 2e 45 76 65 \
                       6e 74 3a 32 2b 35 31 10";
        let written = event(WALL_TIME_SECS, 0, |out| bytes_field(out, 3, FILE_VERSION.as_bytes()));
        assert_eq!(hex(&frame(&written)), version);
        // Event(step=301, session_log=SessionLog(status=SessionLog.START))
        let start = "10 00 00 00 00 00 00 00 95 fb fe 18 09 00 00 20 40 fc 54 d9 41 10 ad 02 3a 02 08 01 59 6f 3f 79";
        assert_eq!(hex(&frame(&session_start(WALL_TIME_SECS, 301))), start);
        // Event(step=2, summary=Summary(value=[Summary.Value(tag="samples", image=Summary.Image(height=4, width=8,
        // colorspace=3, encoded_image_string=b"PNG"))]))
        let picture = "25 00 00 00 00 00 00 00 ea bc 36 f3 09 00 00 20 40 fc 54 d9 41 10 02 2a 18 0a 16 0a 07 73 61 6d \
                       70 6c 65 73 22 0b 08 04 10 08 18 03 22 03 50 4e 47 70 26 c8 45";
        // They are read back whole, and not where a part is missing.
        let bytes = [frame(&written), frame(&session_start(WALL_TIME_SECS, 301))].concat();
        let mut rest = &bytes[..];
        let lengths = [0, 301].map(|step| {
            let record = next_record(&mut rest).unwrap().unwrap();
            assert_eq!((record.step, record.has_summary), (step, false));
            record.length as usize
        });
        assert_eq!((lengths.iter().sum(), next_record(&mut rest).unwrap()), (bytes.len(), None));
        let bytes_of_scalar = frame(&scalars(WALL_TIME_SECS, 300, &[("loss/d", 1.25)]));
        let record = Record { step: 300, length: bytes_of_scalar.len() as u64, has_summary: true };
        assert_eq!(next_record(&mut &bytes_of_scalar[..]).unwrap(), Some(record));
        for end in lengths[0]..bytes.len() {
            assert_eq!(next_record(&mut &bytes[lengths[0]..end]).unwrap(), None, "{end}");
        }
        let grid = Grid { tile: 4.into(), columns: 2, count: 2, channels: 3, pixels: Vec::new() };
        assert_eq!(hex(&frame(&image(WALL_TIME_SECS, 2, "samples", &grid, b"PNG"))), picture);
    }
}
