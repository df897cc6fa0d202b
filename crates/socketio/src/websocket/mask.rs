/// Takes the mask off `payload` (RFC 6455, section 5.3), by words: the compiler makes wide
/// instructions of it.
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_meets_its_byte_of_the_mask() {
        let mask = [1, 20, 44, 254];
        for length in 0..70u8 {
            let mut payload: Vec<u8> = (0..length).collect();
            unmask(&mut payload, mask);
            for (index, byte) in (0..length).zip(&payload) {
                assert_eq!(
                    *byte,
                    index ^ mask[usize::from(index) % 4],
                    "{index} of {length}"
                );
            }
        }
    }
}
