/** Allocates without end. */
export default {
  fetch() {
    const hoard = [];
    for (;;) hoard.push({ items: [1, 2, 3] });
  },
};
