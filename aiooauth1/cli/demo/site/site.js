"use strict";
// The live view: each event of the stream becomes an item at the top of the list.
const list = document.getElementById("events");
if (list) {
  const source = new EventSource(`/events?after=${list.dataset.last}`);
  const part = (item, name, text) => {
    if (!text) return;
    const paragraph = document.createElement("p");
    paragraph.className = name;
    paragraph.textContent = text;
    item.append(paragraph);
  };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    const item = document.createElement("li");
    item.className = event.kind;
    part(item, "who", event.account);
    part(item, "post", event.text);
    part(item, "note", event.note);
    list.prepend(item);
    document.getElementById("nothing").hidden = true;
  };
  // Without this the connection is in the way of the back button's cache.
  addEventListener("pagehide", () => source.close());
}
