//! Where parts wait until they are long enough to be sent.
//!
//! S3 takes no part of less than 5 MiB but the last, and a file may have hundreds of record types, each with an upload of its own. So
//! what waits of all uploads of a store together takes so much memory and no more; what does not fit waits in a file without a name,
//! each upload at a place of its own there, and comes into memory when it is sent.

use std::fs::File;
use std::io;
use std::mem::take;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

/// What waits in memory: the parts of six uploads. With what is on its way, preparing a file stays under 64 MB, whatever its types.
pub(super) const MEMORY_BYTES: usize = 30 * 1024 * 1024;
/// The place of an upload in the file: more than a part ever has. Only what is written of it takes room on the disk.
const PLACE_BYTES: u64 = 1024 * 1024 * 1024;

/// What the uploads of one store share. Clones are the same.
#[derive(Clone)]
pub(super) struct WaitingRoom(Arc<Mutex<Room>>);

struct Room {
    free_bytes: usize,
    file: Option<Arc<File>>,
    places: u64,
}

impl WaitingRoom {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Room {
            free_bytes: memory_bytes,
            file: None,
            places: 0,
        })))
    }

    /// Takes so much memory, if there is.
    fn take(&self, bytes: usize) -> bool {
        let mut room = self.lock();
        match room.free_bytes.checked_sub(bytes) {
            Some(free_bytes) => {
                room.free_bytes = free_bytes;
                true
            }
            None => false,
        }
    }

    fn give_back(&self, bytes: usize) {
        self.lock().free_bytes += bytes;
    }

    /// A place in the file, which is made for the first one.
    fn place(&self) -> io::Result<Place> {
        let mut room = self.lock();
        let file = match &room.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(room.file.insert(Arc::new(tempfile::tempfile()?))),
        };
        let offset = room.places * PLACE_BYTES;
        room.places += 1;
        Ok(Place { file, offset })
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Where an upload has what waits of it in the file.
struct Place {
    file: Arc<File>,
    offset: u64,
}

/// What waits of one upload.
pub(super) struct Waiting {
    room: WaitingRoom,
    /// Empty once there is a place in the file.
    memory: Vec<u8>,
    /// What was taken of the room.
    taken_bytes: usize,
    place: Option<Place>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn new(room: &WaitingRoom) -> Self {
        Self {
            room: room.clone(),
            memory: Vec::new(),
            taken_bytes: 0,
            place: None,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// What it takes of memory.
    #[cfg(test)]
    pub(super) fn in_memory(&self) -> usize {
        self.memory.capacity()
    }

    /// Adds bytes, to as many as `limit` at most in the end.
    pub(super) fn append(&mut self, bytes: &[u8], limit: usize) -> io::Result<()> {
        if self.place.is_none() && !self.make_room(bytes.len(), limit) {
            let place = self.room.place().map_err(unkept)?;
            place
                .file
                .write_all_at(&self.memory, place.offset)
                .map_err(unkept)?;
            self.place = Some(place);
            self.leave_memory();
        }
        match &self.place {
            None => self.memory.extend_from_slice(bytes),
            Some(place) => {
                let at = place.offset + self.bytes as u64;
                place.file.write_all_at(bytes, at).map_err(unkept)?;
            }
        }
        self.bytes += bytes.len();
        Ok(())
    }

    /// Takes all that waits. An upload that went to the file stays there: it is one of many.
    pub(super) fn take(&mut self) -> io::Result<Bytes> {
        let length = take(&mut self.bytes);
        let Some(place) = &self.place else {
            return Ok(Bytes::from(self.leave_memory()));
        };
        let mut part = vec![0; length];
        place
            .file
            .read_exact_at(&mut part, place.offset)
            .map_err(unkept)?;
        Ok(part.into())
    }

    /// Grows the memory by doubling, as a vector does, but never beyond the limit. Whether the room had as much.
    fn make_room(&mut self, more: usize, limit: usize) -> bool {
        let (filled, capacity) = (self.memory.len(), self.memory.capacity());
        if filled + more <= capacity {
            return true;
        }
        let capacity = (2 * capacity).max(filled + more).min(limit);
        if !self.room.take(capacity - self.taken_bytes) {
            return false;
        }
        self.taken_bytes = capacity;
        self.memory.reserve_exact(capacity - filled);
        true
    }

    fn leave_memory(&mut self) -> Vec<u8> {
        self.room.give_back(take(&mut self.taken_bytes));
        take(&mut self.memory)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave_memory();
    }
}

fn unkept(error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "a part that waits for its upload cannot be kept in {}: {error}; make room there, or give the function more ephemeral storage",
            std::env::temp_dir().display()
        ),
    )
}
