//! Results of every kind of content.

use serde_json::{Value, json};

use super::{Play, play::text};
use crate::servers::Tool;

/// One red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// A sound of no samples.
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

pub(crate) const TOOLS: &[Tool] = &[
    Tool { name: "test_simple_text", description: "Returns a text.", ..Tool::PLAIN },
    Tool { name: "test_image_content", description: "Returns an image.", ..Tool::PLAIN },
    Tool { name: "test_audio_content", description: "Returns a sound.", ..Tool::PLAIN },
    Tool { name: "test_embedded_resource", description: "Returns a resource inside its result.", ..Tool::PLAIN },
    Tool {
        name: "test_multiple_content_types",
        description: "Returns a text, an image and a resource.",
        ..Tool::PLAIN
    },
    Tool { name: "test_error_handling", description: "Fails, and says so in its result.", ..Tool::PLAIN },
];

pub(crate) fn play(name: &str) -> Option<Play> {
    let resource = |uri: &str, media: &str, text: &str| json!({ "type": "resource", "resource": { "uri": uri, "mimeType": media, "text": text } });
    let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
    let content: Value = match name {
        "test_simple_text" => return Some(Play::result(text("This is a simple text response for testing."))),
        "test_error_handling" => {
            let mut failed = text("This tool intentionally returns an error for testing");
            failed["isError"] = true.into();
            return Some(Play::result(failed));
        }
        "test_image_content" => json!([image]),
        "test_audio_content" => json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]),
        "test_embedded_resource" => {
            json!([resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => json!([
            { "type": "text", "text": "Multiple content types test:" },
            image,
            resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ]),
        _ => return None,
    };
    Some(Play::result(json!({ "content": content })))
}
