export default {
  fetch() {
    return new Response("Hello from Orilla\n");
  },
};
