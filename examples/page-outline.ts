/**
 * Extracts title and links from streamed HTML without keeping anything else.
 */
import { Parser } from "htmlparser2";

const MAX_LINKS = 100;
const MAX_TITLE_CHARS = 300;
const MAX_LINK_CHARS = 2_048;

export interface PageOutline {
  readonly title: string | null;
  readonly links: readonly string[];
}

export interface OutlineReader {
  write(html: string): void;
  end(): PageOutline;
}

/** @param pageUrl the base of relative links, unless the page has a `<base>` */
export function createOutlineReader(pageUrl: string): OutlineReader {
  const links = new Set<string>();
  let base = pageUrl;
  let hasBase = false;
  let title: string | undefined;
  let isInTitle = false;
  let svgDepth = 0;

  const parser = new Parser({
    onopentag(name, attributes) {
      const href = attributes["href"];
      if (name === "svg") svgDepth += 1;
      // The title of an svg describes a drawing, not the page.
      if (name === "title" && title === undefined && svgDepth === 0) {
        isInTitle = true;
        title = "";
      }
      if (href === undefined) return;
      if (name === "base" && !hasBase) {
        base = URL.parse(href, pageUrl)?.href ?? base;
        hasBase = true;
      }
      if (name === "a" || name === "area") addLink(links, href, base);
    },
    ontext(text) {
      // Leaves room for white space, which is collapsed at the end.
      if (isInTitle && title !== undefined && title.length < 4 * MAX_TITLE_CHARS) title += text;
    },
    onclosetag(name) {
      if (name === "title") isInTitle = false;
      if (name === "svg") svgDepth -= 1;
    },
  });

  return {
    write(html) {
      parser.write(html);
    },
    end() {
      parser.end();
      return { title: title === undefined ? null : fold(title), links: [...links] };
    },
  };
}

function addLink(links: Set<string>, href: string, base: string): void {
  if (links.size >= MAX_LINKS) return;
  const url = URL.parse(href, base);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return;
  url.hash = "";
  // page.fetch could not use a longer one, and the result has a size limit.
  if (url.href.length <= MAX_LINK_CHARS) links.add(url.href);
}

function fold(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, MAX_TITLE_CHARS);
}
