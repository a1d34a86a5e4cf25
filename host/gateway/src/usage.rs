//! What did an answer use up? Read from it while it passes, in whichever form it comes.

use serde_json::Value;

use crate::Tokens;

/// Longest line of a stream that is read, and longest answer in one piece, bytes.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Reads an answer as it passes.
#[derive(Debug)]
pub(crate) struct Reader {
    is_stream: bool,
    /// The line that has begun, or the whole answer.
    kept: Vec<u8>,
    tokens: Tokens,
    /// Whether anything was said of tokens.
    is_said: bool,
    ended: bool,
    /// Whether it was longer than what is read.
    is_lost: bool,
}

impl Reader {
    pub(crate) fn new(is_stream: bool) -> Self {
        Self {
            is_stream,
            kept: Vec::new(),
            tokens: Tokens::default(),
            is_said: false,
            ended: false,
            is_lost: false,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.is_lost {
            return;
        }
        self.kept.extend_from_slice(bytes);
        if self.is_stream {
            while let Some(end) = self.kept.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.kept.drain(..=end).collect();
                self.line(&line);
            }
        }
        if self.kept.len() > BYTES_MAX {
            self.is_lost = true;
            self.kept = Vec::new();
        }
    }

    /// The tokens that it used, if it came to its end; else what was set aside for it, for of that nobody knows better.
    pub(crate) fn settle(mut self, most: Tokens) -> Tokens {
        if !self.is_stream
            && let Ok(answer) = serde_json::from_slice::<Value>(&self.kept)
        {
            self.usage(&answer["usage"]);
            self.ended = true;
        }
        if self.ended && self.is_said && !self.is_lost {
            return self.tokens;
        }
        let read = self.tokens;
        let is_read = read.input + read.cache_read + read.cache_write > 0;
        Tokens {
            output: read.output.max(most.output),
            ..if is_read { read } else { most }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let Some(data) = line.strip_prefix(b"data:") else {
            return;
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else {
            return;
        };
        match event["type"].as_str() {
            Some("message_start") => self.usage(&event["message"]["usage"]),
            Some("message_delta") => self.usage(&event["usage"]),
            Some("message_stop") => self.ended = true,
            Some("response.completed" | "response.incomplete" | "response.failed") => {
                self.usage(&event["response"]["usage"]);
                self.ended = true;
            }
            Some(_) => {}
            None => self.usage(&event["usage"]),
        }
    }

    /// Takes in what is said of tokens; later words are about all of them, and a class that they leave out stands.
    fn usage(&mut self, usage: &Value) {
        if !usage.is_object() {
            return;
        }
        self.is_said = true;
        let number = |keys: &[&str]| {
            let mut found = keys.iter().filter_map(|key| usage.pointer(key)?.as_u64());
            found.next()
        };
        let cached = number(&[
            "/prompt_tokens_details/cached_tokens",
            "/input_tokens_details/cached_tokens",
        ]);
        // One form counts what came from the cache among what was read, the other beside it.
        let input = number(&["/input_tokens", "/prompt_tokens"])
            .map(|input| input.saturating_sub(cached.unwrap_or(0)));
        let said = [
            (&mut self.tokens.input, input),
            (
                &mut self.tokens.output,
                number(&["/output_tokens", "/completion_tokens"]),
            ),
            (
                &mut self.tokens.cache_read,
                cached.or(number(&["/cache_read_input_tokens"])),
            ),
            (
                &mut self.tokens.cache_write,
                number(&["/cache_creation_input_tokens"]),
            ),
        ];
        for (class, count) in said {
            // A word that takes back what was used already is not believed.
            *class = (*class).max(count.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Tokens = Tokens {
        input: 100,
        output: 1000,
        cache_read: 0,
        cache_write: 0,
    };

    fn read(stream: &str) -> Tokens {
        let mut reader = Reader::new(true);
        for piece in stream.as_bytes().chunks(7) {
            reader.feed(piece);
        }
        reader.settle(MOST)
    }

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens {
            input,
            output,
            cache_read,
            cache_write,
        }
    }

    const MESSAGES: &str = "event: message_start\n\
        data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"output_tokens\":1,\
        \"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":2}}}\n\n\
        data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"{\\\"usage\\\":{\\\"output_tokens\\\":9999}}\"}}\n\n\
        data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n";

    #[test]
    fn streams_of_each_form_are_metered_to_their_end() {
        let ended = format!("{MESSAGES}data: {{\"type\":\"message_stop\"}}\n\n");
        assert_eq!(read(&ended), tokens(10, 7, 5, 2));
        let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\r\n\r\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\
            \"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";
        assert_eq!(read(chat), tokens(8, 3, 4, 0));
        let response = "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":9,\
            \"output_tokens\":2,\"input_tokens_details\":{\"cached_tokens\":0}}}}\n\n";
        assert_eq!(read(response), tokens(9, 2, 0, 0));
    }

    #[test]
    fn answer_without_its_end_costs_what_was_set_aside() {
        assert_eq!(read(MESSAGES), tokens(10, 1000, 5, 2));
        assert_eq!(read(""), MOST);
        // An end that says nothing of tokens is none.
        assert_eq!(read("data: [DONE]\n\n"), MOST);
    }

    #[test]
    fn answer_in_one_piece_is_metered() {
        let mut reader = Reader::new(false);
        reader.feed(b"{\"usage\":{\"input_tokens\":3,");
        reader.feed(b"\"output_tokens\":4}}");
        assert_eq!(reader.settle(MOST), tokens(3, 4, 0, 0));
        let mut cut = Reader::new(false);
        cut.feed(b"{\"usage\":{\"input_tokens\":3,");
        assert_eq!(cut.settle(MOST), MOST);
    }
}
