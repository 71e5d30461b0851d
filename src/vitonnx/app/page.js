// What a screen reader needs, and Gradio leaves out: names for examples, and a role for the places
// that wait for something.
() => {
  const mend = () => {
    for (const button of document.querySelectorAll(".gallery-item:not([aria-label])")) {
      const source = button.querySelector("img, video")?.src ?? "";
      const file = decodeURIComponent(source.split(/[?#]/)[0].split("/").pop());
      if (file) button.setAttribute("aria-label", `example ${file}`);
    }
    for (const place of document.querySelectorAll("div.empty[aria-label]:not([role])")) {
      place.setAttribute("role", "img");
    }
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
};
