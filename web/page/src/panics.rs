//! A fault of the page itself, told on the page.

use leptos::prelude::document;
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, HtmlAnchorElement, Url};

thread_local! {
    /// The newest checkpoint, kept outside of the reactive system, which a panic leaves in an unknown state.
    static RESCUE: RefCell<Option<(Blob, String)>> = const { RefCell::new(None) };
}

/// Keeps a checkpoint at hand to be offered after a panic.
pub fn keep(blob: &Blob, name: &str) {
    RESCUE.with_borrow_mut(|rescue| *rescue = Some((blob.clone(), name.to_owned())));
}

/// From now on a panic is a sentence on the page and a line in the console.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&info.to_string().into());
        // There is nowhere left to report a second fault.
        let _ = show();
    }));
}

/// Plain DOM: no component may be drawn any more.
fn show() -> Result<(), JsValue> {
    if document().get_element_by_id("page-broke").is_some() {
        return Ok(());
    }
    let notice = document().create_element("div")?;
    notice.set_id("page-broke");
    notice.set_class_name("notice error broken");
    notice.set_attribute("role", "alert")?;
    notice.set_attribute("data-testid", "error")?;
    let sentence = document().create_element("p")?;
    notice.append_child(&sentence)?;
    let rescue = RESCUE.with(|rescue| rescue.try_borrow().ok().and_then(|rescue| rescue.clone()));
    sentence.set_text_content(Some(match rescue {
        Some(_) => "Whelp's page broke, by a fault of ours. Download the last checkpoint, reload the page and open it.",
        None => "Whelp's page broke, by a fault of ours. Reload it to start again.",
    }));
    if let Some((blob, name)) = rescue {
        let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
        link.set_href(&Url::create_object_url_with_blob(&blob)?);
        link.set_download(&name);
        link.set_text_content(Some("Download the last checkpoint"));
        link.set_class_name("button");
        notice.append_child(&link)?;
    }
    document().body().ok_or("no body")?.append_child(&notice)?;
    Ok(())
}
