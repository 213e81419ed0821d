//! As much of PostgreSQL's protocol as it takes to count: where messages end, which of them ask for an answer, and when
//! the answer is complete (<https://www.postgresql.org/docs/15/protocol-flow.html>).

use bytes::{Buf, Bytes, BytesMut};

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;
const AUTHENTICATION_OK: u32 = 0;
const SASL_FINAL: u32 = 12;

/// What the client says.
#[derive(Debug, Default)]
pub(super) struct ClientMessages {
    has_started: bool,
    copy_ended: bool,
}

/// A message that waits for nothing, or one that asks for an answer: a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientMessage {
    pub(super) bytes: Bytes,
    /// The name of the call.
    pub(super) call: Option<&'static str>,
    /// Whether the answer is one byte: may the connection be encrypted?
    pub(super) asks_for_encryption: bool,
}

impl ClientMessages {
    /// Takes the next whole message out of what has come.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Option<ClientMessage> {
        if self.has_started {
            let bytes = typed_message(buffer)?;
            let call = self.call(bytes.first().copied().unwrap_or_default());
            return Some(ClientMessage {
                bytes,
                call,
                asks_for_encryption: false,
            });
        }
        let length = usize::try_from(number(buffer, 0)?).ok()?.max(8);
        let code = number(buffer, 4)?;
        if buffer.len() < length {
            return None;
        }
        let bytes = buffer.split_to(length).freeze();
        let asks_for_encryption = matches!(code, SSL_REQUEST | GSS_ENCRYPTION_REQUEST);
        self.has_started = !asks_for_encryption && code != CANCEL_REQUEST;
        let call = match code {
            CANCEL_REQUEST => None,
            SSL_REQUEST | GSS_ENCRYPTION_REQUEST => Some("Encryption"),
            _ => Some("Startup"),
        };
        Some(ClientMessage {
            bytes,
            call,
            asks_for_encryption,
        })
    }

    /// A Sync behind the end of a COPY belongs to it: both get one answer.
    fn call(&mut self, kind: u8) -> Option<&'static str> {
        let follows_copy = std::mem::take(&mut self.copy_ended);
        match kind {
            b'p' => Some("Password"),
            b'Q' => Some("Query"),
            b'F' => Some("FunctionCall"),
            b'c' | b'f' => {
                self.copy_ended = true;
                Some("Copy")
            }
            b'S' if !follows_copy => Some("Sync"),
            _ => None,
        }
    }
}

/// What the server says.
#[derive(Debug, Default)]
pub(super) struct ServerMessages {
    is_ready: bool,
}

/// Whole messages, and how many calls they complete the answers of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServerMessage {
    pub(super) bytes: Bytes,
    pub(super) completes_call: bool,
}

impl ServerMessages {
    /// Takes the next whole message out of what has come.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Option<ServerMessage> {
        let bytes = typed_message(buffer)?;
        let completes_call = match bytes.first() {
            Some(b'Z') => {
                self.is_ready = true;
                true
            }
            // The server waits for the data of a COPY.
            Some(b'G') => true,
            Some(b'R') => !matches!(number(&bytes, 5), Some(AUTHENTICATION_OK | SASL_FINAL)),
            // Before the first ReadyForQuery an error is the last word.
            Some(b'E') => !self.is_ready,
            _ => false,
        };
        Some(ServerMessage {
            bytes,
            completes_call,
        })
    }
}

/// The error that PostgreSQL sends when it ends a connection.
pub(super) fn fatal(sqlstate: &str) -> Bytes {
    let mut fields = Vec::new();
    for (name, value) in [
        ('S', "FATAL"),
        ('V', "FATAL"),
        ('C', sqlstate),
        ('M', "refused (injected)"),
    ] {
        fields.extend_from_slice(format!("{name}{value}\0").as_bytes());
    }
    fields.push(0);
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    let mut message = vec![b'E'];
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&fields);
    Bytes::from(message)
}

/// A message of a type and a length that counts itself.
fn typed_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = usize::try_from(number(buffer, 1)?).ok()?.max(4).checked_add(1)?;
    (buffer.len() >= length).then(|| buffer.split_to(length).freeze())
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let mut four = bytes.get(at..at + 4)?;
    Some(four.get_u32())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&u32::try_from(payload.len() + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    fn untyped(code: u32) -> Vec<u8> {
        [8_u32.to_be_bytes(), code.to_be_bytes()].concat()
    }

    fn calls(bytes: &[u8], chunk: usize) -> Vec<&'static str> {
        let (mut messages, mut buffer) = (ClientMessages::default(), BytesMut::new());
        let mut calls = Vec::new();
        for piece in bytes.chunks(chunk) {
            buffer.extend_from_slice(piece);
            while let Some(message) = messages.next(&mut buffer) {
                calls.extend(message.call);
            }
        }
        assert!(buffer.is_empty());
        calls
    }

    #[test]
    fn calls_are_the_messages_that_ask_for_an_answer_however_they_are_cut() {
        let session = [
            untyped(SSL_REQUEST),
            untyped(196_608),
            message(b'p', b"secret\0"),
            message(b'P', b"\0SELECT 1\0\0\0"),
            message(b'D', b"S\0"),
            message(b'S', b""),
            message(b'B', b"x"),
            message(b'E', b"x"),
            message(b'S', b""),
            message(b'd', b"data"),
            message(b'c', b""),
            message(b'S', b""),
            message(b'Q', b"COMMIT\0"),
            message(b'X', b""),
        ]
        .concat();
        let expected = [
            "Encryption",
            "Startup",
            "Password",
            "Sync",
            "Sync",
            "Copy",
            "Query",
        ];
        assert_eq!(calls(&session, 1), expected);
        assert_eq!(calls(&session, session.len()), expected);
    }

    #[test]
    fn every_call_has_one_completion() {
        let session = [
            message(b'R', &10_u32.to_be_bytes()),
            message(b'R', &11_u32.to_be_bytes()),
            message(b'R', &12_u32.to_be_bytes()),
            message(b'R', &0_u32.to_be_bytes()),
            message(b'S', b"a\0b\0"),
            message(b'Z', b"I"),
            message(b'E', b"\0"),
            message(b'Z', b"I"),
        ]
        .concat();
        let (mut messages, mut buffer) = (ServerMessages::default(), BytesMut::new());
        let mut completed = 0;
        for byte in session {
            buffer.extend_from_slice(&[byte]);
            while let Some(message) = messages.next(&mut buffer) {
                completed += usize::from(message.completes_call);
            }
        }
        // Startup, two messages of the password's dialogue, and a query that failed.
        assert_eq!(completed, 4);
    }
}
