// The official TypeScript SDK.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { serve } from "./jobs.mjs";

const client = (url) => new Anthropic({ baseURL: url, apiKey: "client-key", maxRetries: 0 });

function told(message) {
  const of = (type) => message.content.filter((block) => block.type === type);
  const usage = message.usage;
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    text: of("text").map((block) => block.text).join(""),
    thinking: of("thinking").map((block) => block.thinking).join(""),
    calls: of("tool_use").map((block) => [block.name, block.input]),
    ids: of("tool_use").map((block) => block.id),
    stop: message.stop_reason,
    usage: {
      prompt: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
      cached,
      output: usage.output_tokens,
    },
  };
}

function request({ prompt, thinking, ...params }) {
  const extra = thinking ? { thinking: { type: "enabled", budget_tokens: 1024 } } : {};
  const messages = [{ role: "user", content: prompt }];
  return { model: "house-coder-7b", max_tokens: 4000, ...extra, ...params, messages };
}

serve({
  async ask({ url, stream, ...params }) {
    const messages = client(url).messages;
    const body = request(params);
    return told(stream ? await messages.stream(body).finalMessage() : await messages.create(body));
  },

  async loop({ url, stream }) {
    const ran = [];
    const weather = betaTool({
      name: "weather",
      description: "The weather of a city.",
      inputSchema: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city", "days"],
      },
      run: ({ city, days }) => {
        ran.push([city, days]);
        return `${days} days of rain in ${city}`;
      },
    });
    const body = { ...request({ prompt: "How is Oslo?" }), tools: [weather], stream };
    const last = await client(url).beta.messages.toolRunner(body).runUntilDone();
    return { said: last.content.at(-1).text, ran };
  },

  async count({ url, ...params }) {
    const { max_tokens, ...body } = request(params);
    return (await client(url).messages.countTokens(body)).input_tokens;
  },

  async models({ url, limit }) {
    const found = [];
    for await (const model of client(url).models.list({ limit })) found.push([model.id, model.display_name]);
    return found;
  },

  async model({ url, id }) {
    return (await client(url).models.retrieve(id)).display_name;
  },

  async leave({ url, ...params }) {
    const stream = client(url).messages.stream(request(params));
    for await (const event of stream) {
      if (event.type === "content_block_delta") {
        stream.abort();
        return event.delta.text;
      }
    }
  },
});
