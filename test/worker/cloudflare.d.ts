/** What the tests use of the runtime's module; the whole of its types would be a package of its own. */
declare module "cloudflare:workers" {
  export const env: Readonly<Record<string, unknown>>;
  export const exports: {
    readonly default: { fetch(url: string, init?: RequestInit): Promise<Response> };
  };
}
