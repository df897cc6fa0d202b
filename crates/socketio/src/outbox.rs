//! What waits to be sent to one client: in order, and bounded.

use std::{collections::VecDeque, io::IoSlice};

use crate::frame::Frame;

/// Frames that go into one write.
const AT_ONCE: usize = 64;
/// Packets that go into one answer to a poll: python-engineio takes no more.
const POLLED_AT_ONCE: usize = 16;

/// What may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
}

/// More than may wait: the client does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A queue of frames, of which the first may have been written in part. Holds no memory while it is
/// empty.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Of the first frame.
    written: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Puts `frame` behind the others, of which `written` bytes are on their way already.
    pub(crate) fn push(
        &mut self,
        frame: Frame,
        written: usize,
        limits: OutboxLimits,
    ) -> Result<(), Full> {
        let left = frame.len().saturating_sub(written);
        if self.frames.len() >= limits.packets || self.bytes.saturating_add(left) > limits.bytes {
            return Err(Full);
        }
        if self.frames.is_empty() {
            self.written = written;
        }
        self.bytes += left;
        self.frames.push_back(frame);
        Ok(())
    }

    /// Hands what goes into one write to `write`, which says how much of it was written.
    pub(crate) fn write<E>(
        &mut self,
        write: impl FnOnce(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let mut skipped = self.written;
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame.wire().get(skipped..).unwrap_or_default());
            skipped = 0;
            count += 1;
        }
        let written = write(slices.get(..count).unwrap_or_default())?;
        self.advance(written);
        Ok(())
    }

    fn advance(&mut self, written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        let mut left = self.written + written;
        while let Some(first) = self.frames.front() {
            if left < first.len() {
                break;
            }
            left -= first.len();
            self.frames.pop_front();
        }
        self.written = left;
        self.release();
    }

    /// Takes the next frames for an answer to a poll of at most `bytes`; the first in any case.
    pub(crate) fn take(&mut self, bytes: usize) -> Vec<Frame> {
        let mut taken = Vec::new();
        let mut sum = 0;
        while taken.len() < POLLED_AT_ONCE
            && let Some(frame) = self.frames.pop_front()
        {
            sum += polled_length(&frame);
            if sum > bytes && !taken.is_empty() {
                self.frames.push_front(frame);
                break;
            }
            self.bytes = self.bytes.saturating_sub(frame.len());
            taken.push(frame);
        }
        self.release();
        taken
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The room for a burst is not kept by a client that is idle.
    fn release(&mut self) {
        if self.frames.is_empty() {
            self.clear();
        }
    }
}

/// What `frame` takes in a polling answer, the separator included.
fn polled_length(frame: &Frame) -> usize {
    let payload = frame.payload().len();
    if frame.is_binary() {
        2 + payload.div_ceil(3) * 4
    } else {
        1 + payload
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: OutboxLimits = OutboxLimits {
        packets: 20,
        bytes: 400,
    };

    fn frame(number: usize, length: usize) -> Frame {
        Frame::text(format!("4{number:04}{}", "x".repeat(length)))
    }

    /// What happens to an outbox.
    #[derive(Clone, Debug)]
    enum Step {
        /// A packet of this length, so many bytes of which the kernel takes at once if it can.
        Push(usize, usize),
        /// The kernel takes so many bytes.
        Write(usize),
        /// A poll, whose answer may be so long.
        Take(usize),
    }

    fn steps(last: impl Strategy<Value = Step> + 'static) -> impl Strategy<Value = Vec<Step>> {
        let push = (0_usize..60, 0_usize..80).prop_map(|(length, now)| Step::Push(length, now));
        proptest::collection::vec(prop_oneof![3 => push, 2 => last], 0..120)
    }

    /// Nothing is too much as long as both bounds are kept, and everything is that breaks one.
    fn push(outbox: &mut Outbox, frame: &Frame, written: usize) -> bool {
        let left = frame.len() - written;
        let fits = outbox.frames.len() < LIMITS.packets && outbox.bytes + left <= LIMITS.bytes;
        let pushed = outbox.push(frame.clone(), written, LIMITS);
        assert_eq!(pushed.is_ok(), fits);
        assert!(outbox.bytes <= LIMITS.bytes && outbox.frames.len() <= LIMITS.packets);
        fits
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_was_accepted_in_order(
            steps in steps((0_usize..200).prop_map(Step::Write)),
        ) {
            let (mut outbox, mut accepted, mut wire) = (Outbox::default(), Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(length, now) => {
                        let frame = frame(number, length);
                        // As a session does it: straight to the kernel if nothing waits.
                        let now = if outbox.is_empty() { now.min(frame.len()) } else { 0 };
                        if now == frame.len() || push(&mut outbox, &frame, now) {
                            wire.extend_from_slice(&frame.wire()[..now]);
                            accepted.extend_from_slice(frame.wire());
                        }
                    }
                    Step::Write(bytes) => write(&mut outbox, bytes, &mut wire),
                    Step::Take(_) => unreachable!(),
                }
                prop_assert_eq!(outbox.bytes, accepted.len() - wire.len());
            }
            write(&mut outbox, usize::MAX, &mut wire);
            prop_assert_eq!(accepted, wire);
            prop_assert!(outbox.is_empty() && outbox.frames.capacity() == 0);
        }

        #[test]
        fn what_is_polled_is_what_was_accepted_in_order(
            steps in steps((0_usize..200).prop_map(Step::Take)),
        ) {
            let (mut outbox, mut accepted, mut polled) = (Outbox::default(), Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(length, _) => {
                        let frame = frame(number, length);
                        if push(&mut outbox, &frame, 0) {
                            accepted.push(frame);
                        }
                    }
                    Step::Take(bytes) => {
                        let taken = outbox.take(bytes);
                        let body = crate::engine::encode_payload(&taken);
                        prop_assert!(taken.len() <= POLLED_AT_ONCE);
                        prop_assert!(taken.len() <= 1 || body.len() <= bytes);
                        polled.extend(taken);
                    }
                    Step::Write(_) => unreachable!(),
                }
            }
            while !outbox.is_empty() {
                polled.extend(outbox.take(usize::MAX));
            }
            let payloads = |frames: &[Frame]| -> Vec<Vec<u8>> {
                frames.iter().map(|it| it.payload().to_vec()).collect()
            };
            prop_assert_eq!(payloads(&accepted), payloads(&polled));
            prop_assert!(outbox.is_empty() && outbox.bytes == 0);
        }
    }

    /// Lets a kernel take up to `bytes`, in as many writes as it needs.
    fn write(outbox: &mut Outbox, mut bytes: usize, wire: &mut Vec<u8>) {
        while !outbox.is_empty() && bytes > 0 {
            let written = outbox.write(|slices| {
                assert!(!slices.is_empty() && slices.len() <= AT_ONCE);
                let all: Vec<u8> = slices.iter().flat_map(|it| it.to_vec()).collect();
                let taken = all.len().min(bytes);
                wire.extend_from_slice(&all[..taken]);
                bytes -= taken;
                Ok::<_, ()>(taken)
            });
            assert_eq!(written, Ok(()));
        }
    }

    #[test]
    fn an_attachment_is_counted_as_the_base64_it_is_polled_as() {
        let attachment = Frame::binary(&[7; 10]);
        let body = crate::engine::encode_payload([&attachment]);
        assert_eq!(body.len() + 1, polled_length(&attachment));
    }
}
