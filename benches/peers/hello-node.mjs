// The hello example as one writes it for Node, whose server knows no Request and Response.
import { createServer } from "node:http";

createServer((_request, response) => {
  response.setHeader("content-type", "text/plain;charset=UTF-8");
  response.end("Hello from Orilla\n");
}).listen(Number(process.argv[2]), "127.0.0.1");
