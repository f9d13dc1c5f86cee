//! Prompts, resources, templates and completions of `lab`.

use serde_json::{Value, json};

use super::{Call, Then, content::PNG, inputs};

/// The prompts as a list shows them; the last one asks for input, which a session has another way for.
pub(crate) fn prompts(stateless: bool) -> Vec<Value> {
    let argument = |name: &str| json!({ "name": name, "description": "A text.", "required": true });
    let prompt = |name: &str, arguments: &[&str]| {
        let arguments: Vec<Value> = arguments.iter().map(|name| argument(name)).collect();
        json!({ "name": name, "description": "A prompt to test with.", "arguments": arguments })
    };
    let mut prompts = vec![
        prompt("test_simple_prompt", &[]),
        prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
        prompt("test_prompt_with_image", &[]),
    ];
    if stateless {
        prompts.push(prompt("test_input_required_result_prompt", &[]));
    }
    prompts
}

/// What comes of `prompts/get`; `None` where there is no such prompt.
pub(crate) fn prompt(name: &str, call: &Call<'_>) -> Option<Then> {
    let text = |text: String| json!({ "type": "text", "text": text });
    let given = |name: &str| call.text(name).unwrap_or_default();
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".into())],
        "test_prompt_with_arguments" => {
            vec![text(format!("Prompt with arguments: arg1='{}', arg2='{}'", given("arg1"), given("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let inside = "Embedded resource content for testing.";
            let resource = json!({ "uri": given("resourceUri"), "mimeType": "text/plain", "text": inside });
            let resource = json!({ "type": "resource", "resource": resource });
            vec![resource, text("Please process the embedded resource above.".into())]
        }
        "test_prompt_with_image" => {
            let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
            vec![image, text("Please analyze the image above.".into())]
        }
        "test_input_required_result_prompt" => return Some(inputs::prompt(call)),
        _ => return None,
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|content| json!({ "role": "user", "content": content })).collect();
    Some(Then::Result(json!({ "messages": messages })))
}

/// URIs that the list of resources shows.
const RESOURCES: [&str; 4] =
    ["test://static-text", "test://static-binary", "test://watched-resource", "test://stateless-static-text"];

pub(crate) fn resources() -> Vec<Value> {
    let resource = |uri: &str| {
        let media = if uri == "test://static-binary" { "image/png" } else { "text/plain" };
        let name = uri.trim_start_matches("test://");
        json!({ "uri": uri, "name": name, "description": "A resource to test with.", "mimeType": media })
    };
    RESOURCES.into_iter().map(resource).collect()
}

pub(crate) fn templates() -> Vec<Value> {
    vec![json!({
        "uriTemplate": "test://template/{id}/data", "name": "template",
        "description": "A resource for each id.", "mimeType": "application/json",
    })]
}

/// The contents of a resource; `None` where there is none.
pub(crate) fn read(uri: &str) -> Option<Value> {
    let text = match uri {
        "test://static-binary" => return Some(json!({ "uri": uri, "mimeType": "image/png", "blob": PNG })),
        "test://static-text" => "This is the content of the static text resource.",
        "test://watched-resource" => "This resource is watched.",
        "test://stateless-static-text" => "This is the same for everybody.",
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            return Some(json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() }));
        }
    };
    Some(json!({ "uri": uri, "mimeType": "text/plain", "text": text }))
}

/// Words that begin like this.
pub(crate) fn complete(start: &str) -> Vec<&'static str> {
    ["paris", "park", "party", "test"].into_iter().filter(|word| word.starts_with(start)).collect()
}
