// Says when the reader comes near a part of the page that is not drawn yet.

// Streamlit runs one part at a time; two that ask in the same moment lose one of their runs.
let turn = Promise.resolve();

const quiet = async () => {
  const app = document.querySelector("[data-testid=stApp]");
  do await new Promise((done) => setTimeout(done, 40));
  while (app && app.dataset.testScriptState === "running");
};

export default function ({ data, parentElement, setStateValue }) {
  if (data.near) return;
  const place = parentElement.querySelector("div") || parentElement.appendChild(document.createElement("div"));
  place.style.height = `${data.height}px`;
  const seen = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      turn = turn.then(quiet).then(() => setStateValue("near", true));
    },
    { rootMargin: "500px 0px" },
  );
  seen.observe(place);
  return () => seen.disconnect();
}
