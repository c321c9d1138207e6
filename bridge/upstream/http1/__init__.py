"""An HTTP/1.1 client behind httpx's interface of a transport: docs/adr/0003-http-client.md says why it is ours."""
