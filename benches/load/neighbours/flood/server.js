/** Makes promises without end. */
export default {
  fetch() {
    const again = () => Promise.resolve().then(again);
    for (let count = 0; count < 1_000; count++) again();
    return new Promise(() => {});
  },
};
