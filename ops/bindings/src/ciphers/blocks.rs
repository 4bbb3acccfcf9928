//! CBC, which works on whole blocks and pads the last one, and the keystream of CTR.

use aes::Block;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipher, BlockDecrypt, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, BlockSizeUser, KeyInit, KeyIvInit,
    StreamCipher,
};

use super::{CipherError, Keystream};

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 16;

/// AES with a key of one of its three lengths.
pub trait Aes: BlockCipher + BlockSizeUser<BlockSize = U16> + BlockEncrypt + BlockDecrypt + KeyInit + 'static {}

impl<C: BlockCipher + BlockSizeUser<BlockSize = U16> + BlockEncrypt + BlockDecrypt + KeyInit + 'static> Aes for C {}

/// What CTR encrypts and decrypts with; `K` says which part of the vector counts.
pub fn keystream<K: KeyIvInit + StreamCipher + 'static>(key: &[u8], vector: &[u8]) -> Result<Keystream, CipherError> {
    let mut keystream = K::new_from_slices(key, vector).map_err(|_| CipherError::InvalidVector)?;
    Ok(Box::new(move |bytes| keystream.try_apply_keystream(bytes).map_err(|_| CipherError::TooMuch)))
}

/// Encrypts or decrypts blocks that follow those before.
type Work = Box<dyn FnMut(&mut [Block])>;

/// CBC under way.
pub struct Blocks {
    work: Work,
    /// What came and is no whole block yet; when decrypting also a whole one, because it may be the last.
    rest: Vec<u8>,
    is_decryption: bool,
}

impl Blocks {
    /// Nothing encrypted or decrypted so far.
    pub fn new<C: Aes>(key: &[u8], vector: &[u8], is_decryption: bool) -> Result<Self, CipherError> {
        let invalid = |_| CipherError::InvalidVector;
        let work: Work = if is_decryption {
            let mut cbc = cbc::Decryptor::<C>::new_from_slices(key, vector).map_err(invalid)?;
            Box::new(move |blocks| cbc.decrypt_blocks_mut(blocks))
        } else {
            let mut cbc = cbc::Encryptor::<C>::new_from_slices(key, vector).map_err(invalid)?;
            Box::new(move |blocks| cbc.encrypt_blocks_mut(blocks))
        };
        Ok(Self { work, rest: Vec::new(), is_decryption })
    }

    /// What comes out of more data. `is_padded` says whether a last block has to be kept back.
    pub fn update(&mut self, input: &[u8], is_padded: bool) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(input);
        let mut whole = bytes.len() / BLOCK_BYTES * BLOCK_BYTES;
        if self.is_decryption && is_padded && whole == bytes.len() {
            whole = whole.saturating_sub(BLOCK_BYTES);
        }
        self.rest = bytes.split_off(whole);
        self.through(bytes)
    }

    /// What is left.
    pub fn end(mut self, is_padded: bool) -> Result<Vec<u8>, CipherError> {
        let mut last = std::mem::take(&mut self.rest);
        if self.is_decryption && is_padded {
            if last.len() != BLOCK_BYTES {
                return Err(CipherError::WrongFinalBlockLength);
            }
            return without_padding(self.through(last));
        }
        if is_padded {
            let missing = BLOCK_BYTES - last.len();
            last.resize(BLOCK_BYTES, missing as u8);
        }
        if !last.len().is_multiple_of(BLOCK_BYTES) {
            return Err(CipherError::WrongFinalBlockLength);
        }
        Ok(self.through(last))
    }

    fn through(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut blocks: Vec<Block> = bytes.chunks_exact(BLOCK_BYTES).map(Block::clone_from_slice).collect();
        (self.work)(&mut blocks);
        bytes.chunks_exact_mut(BLOCK_BYTES).zip(&blocks).for_each(|(bytes, block)| bytes.copy_from_slice(block));
        bytes
    }
}

/// The last byte says how many there are of it, and all of them say so.
fn without_padding(mut block: Vec<u8>) -> Result<Vec<u8>, CipherError> {
    let padding = block.last().copied().unwrap_or(0);
    let kept = block.len().checked_sub(padding.into()).ok_or(CipherError::BadDecrypt)?;
    if padding == 0 || block[kept..].iter().any(|byte| *byte != padding) {
        return Err(CipherError::BadDecrypt);
    }
    block.truncate(kept);
    Ok(block)
}
