// MIDI keyboards that the browser sees; their bytes go to the instrument as they are, so that all it knows of MIDI holds.

/** Take all MIDI inputs. Gives a sentence: what was found, or why nothing. */
export async function takeMidi(instrument) {
  if (!navigator.requestMIDIAccess) {
    return window.isSecureContext
      ? "This browser has no Web MIDI; plug the keyboard into the instrument, or use Chromium."
      : "A browser gives its MIDI keyboards only to a page of this computer; open it at 127.0.0.1.";
  }
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    return "The browser did not allow MIDI; allow it for this page and press MIDI IN again.";
  }
  const take = () => {
    for (const input of access.inputs.values()) input.onmidimessage = (event) => instrument.midi(event.data);
  };
  take();
  access.onstatechange = take;
  const names = [...access.inputs.values()].map((input) => input.name);
  return names.length
    ? `MIDI from ${names.join(", ")}.`
    : "No MIDI keyboard is plugged in; it will be taken when it is.";
}
