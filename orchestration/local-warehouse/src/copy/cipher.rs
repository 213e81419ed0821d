//! Files that their owner encrypted before they came to S3, as the Amazon S3 encryption client and UNLOAD do it: the bytes with a
//! key of their own (AES-256, CBC, PKCS #5 padding), and that key with the root key (AES-256, ECB, the same padding) beside them.
//! <https://docs.aws.amazon.com/redshift/latest/dg/t_unloading_encrypted_files.html>

use std::io;

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{Block, BlockDecryptMut, KeyInit, KeyIvInit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use crate::ObjectBody;

const BLOCK: usize = 16;
/// What stands beside a file.
const KEY: &str = "x-amz-key";
const VECTOR: &str = "x-amz-iv";

type Decryptor = cbc::Decryptor<Aes256>;

/// The key that a COPY names. Without contents in `Debug`, so that nobody prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RootKey([u8; 32]);

impl std::fmt::Debug for RootKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RootKey(…)")
    }
}

impl RootKey {
    /// 256 bits in base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The bytes as they were before they were encrypted. The length stays that of the encrypted ones, as S3 knows it.
    pub(super) fn decrypt(&self, body: ObjectBody) -> io::Result<ObjectBody> {
        let envelope_key = self.envelope_key(&beside(&body, KEY)?)?;
        let vector = beside(&body, VECTOR)?;
        let decryptor = Decryptor::new_from_slices(&envelope_key, &vector)
            .map_err(|_| invalid("the key or the vector beside it has a wrong length"))?;
        let reading = Reading {
            decryptor,
            chunks: body.chunks,
            pending: BytesMut::new(),
            is_over: false,
        };
        let chunks = stream::try_unfold(reading, Reading::next);
        Ok(ObjectBody {
            chunks: chunks.boxed(),
            ..body
        })
    }

    fn envelope_key(&self, encrypted: &[u8]) -> io::Result<Vec<u8>> {
        let wrong = || invalid("the root key is not the one that it was encrypted with");
        let mut cipher = Aes256::new(&self.0.into());
        let mut key = encrypted.to_vec();
        if key.is_empty() || !key.len().is_multiple_of(BLOCK) {
            return Err(wrong());
        }
        for block in key.chunks_exact_mut(BLOCK) {
            cipher.decrypt_block_mut(Block::<Aes256>::from_mut_slice(block));
        }
        unpadded(&mut key).ok_or_else(wrong)?;
        match key.len() {
            32 => Ok(key),
            _ => Err(wrong()),
        }
    }
}

struct Reading {
    decryptor: Decryptor,
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = io::Result<Bytes>> + Send>>,
    /// Encrypted bytes; the last block waits for the end, since it holds the padding.
    pending: BytesMut,
    is_over: bool,
}

impl Reading {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while !self.is_over {
            match self.chunks.next().await {
                Some(chunk) => {
                    self.pending.extend_from_slice(&chunk?);
                    let whole = self.pending.len().saturating_sub(1) / BLOCK * BLOCK;
                    if whole > 0 {
                        let mut blocks = self.pending.split_to(whole);
                        self.decrypt(&mut blocks);
                        return Ok(Some((blocks.freeze(), self)));
                    }
                }
                None => {
                    self.is_over = true;
                    return self.last().map(|bytes| Some((bytes, self)));
                }
            }
        }
        Ok(None)
    }

    fn last(&mut self) -> io::Result<Bytes> {
        let mut last = self.pending.split().to_vec();
        if last.len() != BLOCK {
            return Err(invalid(
                "it is no encrypted file: its length is no multiple of 16",
            ));
        }
        self.decrypt(&mut last);
        unpadded(&mut last).ok_or_else(|| invalid("it ends in a wrong padding"))?;
        Ok(last.into())
    }

    fn decrypt(&mut self, blocks: &mut [u8]) {
        for block in blocks.chunks_exact_mut(BLOCK) {
            self.decryptor
                .decrypt_block_mut(Block::<Decryptor>::from_mut_slice(block));
        }
    }
}

/// Takes the padding off, if it is one.
fn unpadded(bytes: &mut Vec<u8>) -> Option<()> {
    use aes::cipher::block_padding::RawPadding;
    let whole = bytes.len().checked_sub(BLOCK)?;
    let last = Pkcs7::raw_unpad(&bytes[whole..]).ok()?.len();
    bytes.truncate(whole + last);
    Some(())
}

fn beside(body: &ObjectBody, name: &str) -> io::Result<Vec<u8>> {
    let found = body
        .metadata
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (_, text) =
        found.ok_or_else(|| invalid(&format!("it is not encrypted: it has no {name} beside it")))?;
    BASE64_STANDARD
        .decode(text)
        .map_err(|_| invalid(&format!("the {name} beside it is no base64")))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockEncryptMut;
    use proptest::prelude::*;

    use super::*;

    const ROOT: [u8; 32] = [7; 32];
    const ENVELOPE: [u8; 32] = [3; 32];

    /// As a sender does it.
    fn encrypted(text: &[u8], root: [u8; 32], chunk: usize) -> ObjectBody {
        let bytes = cbc::Encryptor::<Aes256>::new(&ENVELOPE.into(), &[5; BLOCK].into())
            .encrypt_padded_vec_mut::<Pkcs7>(text);
        let key = ecb(root, &ENVELOPE);
        let chunks: Vec<_> = bytes
            .chunks(chunk)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        ObjectBody {
            size: bytes.len() as u64,
            metadata: vec![
                (KEY.to_owned(), BASE64_STANDARD.encode(key)),
                (VECTOR.to_owned(), BASE64_STANDARD.encode([5; BLOCK])),
            ],
            chunks: stream::iter(chunks).boxed(),
        }
    }

    fn ecb(root: [u8; 32], key: &[u8]) -> Vec<u8> {
        let mut padded = [key, &[16; BLOCK]].concat();
        let mut cipher = Aes256::new(&root.into());
        for block in padded.chunks_exact_mut(BLOCK) {
            cipher.encrypt_block_mut(Block::<Aes256>::from_mut_slice(block));
        }
        padded
    }

    fn decrypted(body: ObjectBody) -> io::Result<Vec<u8>> {
        let chunks = RootKey(ROOT).decrypt(body)?.chunks.collect::<Vec<_>>();
        let chunks = futures_util::FutureExt::now_or_never(chunks).expect("all of it is there");
        chunks.into_iter().try_fold(Vec::new(), |mut all, chunk| {
            all.extend_from_slice(&chunk?);
            Ok(all)
        })
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_read_again_however_its_bytes_come(text in prop::collection::vec(any::<u8>(), 0..200), chunk in 1usize..70) {
            prop_assert_eq!(decrypted(encrypted(&text, ROOT, chunk)).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let said = |body| decrypted(body).unwrap_err().to_string();
        assert!(said(encrypted(b"a", [8; 32], 16)).contains("root key"));
        let plain = ObjectBody {
            metadata: Vec::new(),
            ..encrypted(b"a", ROOT, 16)
        };
        assert!(said(plain).contains("it is not encrypted"));
        let mut cut = encrypted(b"a text of more than one block", ROOT, 16);
        cut.chunks = stream::iter([Ok(Bytes::from_static(b"cut"))]).boxed();
        assert!(said(cut).contains("no multiple of 16"));
        assert!(RootKey::parse("c2hvcnQ=").is_none() && RootKey::parse("?").is_none());
    }
}
