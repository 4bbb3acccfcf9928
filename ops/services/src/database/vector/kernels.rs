//! The inner loops: how two rows of numbers are compared, in the widest instructions that the processor has.
//!
//! Every function here exists once, in plain Rust that the compiler vectorises, and is compiled once for each set of
//! instructions; the set is chosen when it is first needed. Products are added up in the same order and are never
//! fused, so that all sets, and with them all machines, give the same result to the last bit. The one exception is the
//! product of bytes, where integers make the order irrelevant and AVX-512 VNNI has an instruction of its own.
//!
//! The `unsafe` here is calls of functions that need instructions which were found, and nothing else.

use std::sync::OnceLock;

/// The inner loops for one set of instructions. Both rows have the same length, or the shorter one counts.
pub(super) struct Kernels {
    /// The sum of products.
    pub dot: fn(&[f32], &[f32]) -> f32,
    /// The sum of squared differences.
    pub squared_l2: fn(&[f32], &[f32]) -> f32,
    /// The sum of products of floats with bytes.
    pub mixed_dot: fn(&[f32], &[i8]) -> f32,
    /// The sum of squared differences between floats and bytes that are multiplied with a scale.
    pub mixed_squared_l2: fn(&[f32], &[i8], f32) -> f32,
    /// The sum of products of bytes. Exact for 130,000 of them.
    pub dot_i8: fn(&[i8], &[i8]) -> i32,
    /// How many bits differ.
    pub hamming: fn(&[i8], &[i8]) -> u32,
}

/// The fastest kernels of this machine.
pub(super) fn kernels() -> &'static Kernels {
    static CHOSEN: OnceLock<&'static Kernels> = OnceLock::new();
    CHOSEN.get_or_init(|| *available().last().unwrap_or(&&PORTABLE))
}

/// The kernels that this machine can run, the fastest last.
fn available() -> Vec<&'static Kernels> {
    let mut kernels = vec![&PORTABLE];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            kernels.push(&avx2::KERNELS);
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni") {
                kernels.push(&avx512::KERNELS);
            }
        }
    }
    kernels
}

static PORTABLE: Kernels = Kernels {
    dot: portable::dot,
    squared_l2: portable::squared_l2,
    mixed_dot: portable::mixed_dot,
    mixed_squared_l2: portable::mixed_squared_l2,
    dot_i8: portable::dot_i8,
    hamming: portable::hamming,
};

/// What each kernel computes. `inline(always)`, so that a caller's instruction set is the one it is compiled for.
mod portable {
    /// How many partial sums there are: enough that no addition waits for the one before it.
    const LANES: usize = 64;

    /// Adds up a term for each pair of items, lane by lane and then the lanes.
    #[inline(always)]
    fn sum_of<A: Copy, B: Copy>(a: &[A], b: &[B], term: impl Fn(A, B) -> f32) -> f32 {
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        let mut lanes = [0.0_f32; LANES];
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                lanes[lane] += term(a[lane], b[lane]);
            }
        }
        for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            *lane += term(*a, *b);
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        lanes[0]
    }

    #[inline(always)]
    pub fn dot(a: &[f32], b: &[f32]) -> f32 {
        sum_of(a, b, |a, b| a * b)
    }

    #[inline(always)]
    pub fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
        sum_of(a, b, |a, b| (a - b) * (a - b))
    }

    #[inline(always)]
    pub fn mixed_dot(a: &[f32], b: &[i8]) -> f32 {
        sum_of(a, b, |a, b| a * f32::from(b))
    }

    #[inline(always)]
    pub fn mixed_squared_l2(a: &[f32], b: &[i8], scale: f32) -> f32 {
        sum_of(a, b, |a, b| {
            let difference = a - f32::from(b) * scale;
            difference * difference
        })
    }

    #[inline(always)]
    pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum()
    }

    #[inline(always)]
    pub fn hamming(a: &[i8], b: &[i8]) -> u32 {
        let (a_words, a_rest) = a.as_chunks::<8>();
        let (b_words, b_rest) = b.as_chunks::<8>();
        let word = |bytes: &[i8; 8]| u64::from_ne_bytes(bytes.map(|byte| byte as u8));
        let words = a_words.iter().zip(b_words).map(|(a, b)| (word(a) ^ word(b)).count_ones());
        let rest = a_rest.iter().zip(b_rest).map(|(a, b)| (a ^ b).count_ones());
        words.sum::<u32>() + rest.sum::<u32>()
    }
}

/// Compiles kernels for a set of instructions and makes their table.
#[cfg(target_arch = "x86_64")]
macro_rules! kernels_for {
    ($features:literal, dot_i8: $dot_i8:path) => {
        kernels_for!(@each $features,
            dot(a: &[f32], b: &[f32]) -> f32 = super::portable::dot,
            squared_l2(a: &[f32], b: &[f32]) -> f32 = super::portable::squared_l2,
            mixed_dot(a: &[f32], b: &[i8]) -> f32 = super::portable::mixed_dot,
            mixed_squared_l2(a: &[f32], b: &[i8], scale: f32) -> f32 = super::portable::mixed_squared_l2,
            dot_i8(a: &[i8], b: &[i8]) -> i32 = $dot_i8,
            hamming(a: &[i8], b: &[i8]) -> u32 = super::portable::hamming
        );
    };
    (@each $features:literal, $($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:path),*) => {
        pub static KERNELS: super::Kernels = super::Kernels { $($name),* };
        $(
            fn $name($($argument: $type),*) -> $result {
                #[target_feature(enable = $features)]
                fn compiled($($argument: $type),*) -> $result {
                    $body($($argument),*)
                }
                // SAFETY: this function is reached through `KERNELS` only, which `available` gives out only where it
                // found the processor to have these instructions.
                unsafe { compiled($($argument),*) }
            }
        )*
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    kernels_for!("avx2,popcnt", dot_i8: super::portable::dot_i8);
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_set1_epi8,
        _mm512_setzero_si512, _mm512_sub_epi32, _mm512_xor_si512,
    };

    kernels_for!("avx2,popcnt,avx512f,avx512bw,avx512vl,avx512vnni", dot_i8: dot_i8_vnni);

    /// The instruction multiplies unsigned with signed bytes. `a + 128` is unsigned, and so
    /// `a·b = (a + 128)·b − 128·b`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[inline]
    fn dot_i8_vnni(a: &[i8], b: &[i8]) -> i32 {
        let (a_chunks, a_rest) = a.as_chunks::<64>();
        let (b_chunks, b_rest) = b.as_chunks::<64>();
        let offset = _mm512_set1_epi8(i8::MIN);
        let (mut products, mut excess) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            let b = load(b);
            products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(load(a), offset), b);
            excess = _mm512_dpbusd_epi32(excess, offset, b);
        }
        _mm512_reduce_add_epi32(_mm512_sub_epi32(products, excess)) + super::portable::dot_i8(a_rest, b_rest)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load(bytes: &[i8; 64]) -> __m512i {
        // SAFETY: the 64 bytes that are read are those of the array; the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{PORTABLE, available, kernels};

    /// Numbers that differ in sign and magnitude, without a library for randomness.
    fn numbers(length: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn all_kernels_give_the_same_to_the_last_bit() {
        println!("{} sets of instructions on this machine", available().len());
        for length in [0, 1, 7, 8, 63, 64, 65, 127, 128, 384, 1000, 1536, 4096] {
            let (a, b) = (numbers(length, 1), numbers(length, 2));
            let bytes = |numbers: &[f32]| numbers.iter().map(|number| (number * 128.0) as i8).collect::<Vec<_>>();
            let (a8, b8) = (bytes(&a), bytes(&b));
            for set in available().into_iter().chain([kernels()]) {
                let float = |a: f32, b: f32| assert_eq!(a.to_bits(), b.to_bits(), "{a} is not {b} for {length}");
                float((set.dot)(&a, &b), (PORTABLE.dot)(&a, &b));
                float((set.squared_l2)(&a, &b), (PORTABLE.squared_l2)(&a, &b));
                float((set.mixed_dot)(&a, &b8), (PORTABLE.mixed_dot)(&a, &b8));
                float((set.mixed_squared_l2)(&a, &b8, 0.01), (PORTABLE.mixed_squared_l2)(&a, &b8, 0.01));
                assert_eq!((set.dot_i8)(&a8, &b8), (PORTABLE.dot_i8)(&a8, &b8));
                assert_eq!((set.hamming)(&a8, &b8), (PORTABLE.hamming)(&a8, &b8));
            }
        }
    }

    #[test]
    fn the_portable_kernels_are_right() {
        let (a, b) = (numbers(777, 3), numbers(777, 4));
        let exact = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
            a.iter().zip(&b).map(|(a, b)| term(f64::from(*a), f64::from(*b))).sum()
        };
        assert!((f64::from((PORTABLE.dot)(&a, &b)) - exact(&|a, b| a * b)).abs() < 1e-4);
        assert!((f64::from((PORTABLE.squared_l2)(&a, &b)) - exact(&|a, b| (a - b) * (a - b))).abs() < 1e-4);
        assert_eq!((PORTABLE.dot_i8)(&[i8::MIN; 4096], &[i8::MIN; 4096]), 16384 * 4096);
        assert_eq!((kernels().dot_i8)(&[i8::MIN; 4096], &[i8::MIN; 4096]), 16384 * 4096);
        assert_eq!((PORTABLE.hamming)(&[0b0110_0001; 9], &[0b0010_0011; 9]), 18);
    }
}
