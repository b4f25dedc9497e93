// A page in WebKit, with the part of Playwright's interface that `whelp.mjs` uses: Playwright drives only a WebKit of its own.

import { setTimeout as sleep } from "node:timers/promises";
import { By, Key, error } from "selenium-webdriver";

/** How long an action waits until it can be done. The test's own time limit ends it earlier. */
const PATIENCE_MS = 4 * 60_000;

/** What stands against an action for a moment: the page is drawing. */
const PASSING = [
  error.NoSuchElementError,
  error.StaleElementReferenceError,
  error.ElementNotInteractableError,
  error.ElementClickInterceptedError,
];

export class Page {
  constructor(driver, origin) {
    this.driver = driver;
    this.origin = origin;
  }

  async goto(address) {
    await this.driver.get(new URL(address, this.origin).href);
  }

  /** Waits until the new page is there: an answer of WebKitWebDriver alone may come while the old one still stands. */
  async reload() {
    await this.driver.executeScript("window.isOld = true");
    await this.driver.navigate().refresh();
    const end = Date.now() + PATIENCE_MS;
    while (await this.driver.executeScript("return window.isOld === true || document.readyState !== 'complete'")) {
      if (Date.now() > end) throw new Error("the page was not loaded again");
      await sleep(50);
    }
  }

  getByTestId(id) {
    return new Part(this.driver, `[data-testid="${id}"]`);
  }

  locator(css) {
    return new Part(this.driver, css);
  }

  evaluate(work, argument) {
    return this.driver.executeScript(`return (${work})(arguments[0])`, argument);
  }
}

/** What a selector of CSS finds at the time when it is asked, as Playwright's `Locator`. */
class Part {
  constructor(driver, css) {
    this.driver = driver;
    this.css = css;
  }

  /** What lies in this; `css` may begin with `>`. */
  locator(css) {
    return new Part(this.driver, `${this.css} ${css}`);
  }

  all() {
    return this.driver.findElements(By.css(this.css));
  }

  async count() {
    return (await this.all()).length;
  }

  /** Does something with the first one, as soon as there is one that it can be done with. */
  async act(work) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await work(await this.driver.findElement(By.css(this.css)));
      } catch (problem) {
        if (!PASSING.some((kind) => problem instanceof kind)) throw problem;
        if (Date.now() > end) throw new Error(`${this.css}: ${problem.name}: ${problem.message}`);
      }
      await sleep(50);
    }
  }

  /** Does something with one that can be used. */
  use(work) {
    return this.act(async (element) => {
      if ((await element.getDomAttribute("aria-disabled")) === "true" || !(await element.isEnabled())) {
        throw new error.ElementNotInteractableError("disabled");
      }
      return work(element);
    });
  }

  click() {
    return this.use((element) => element.click());
  }

  /** Types over what is there. */
  fill(text) {
    return this.use(async (element) => {
      // WebKitWebDriver lets go of the control key only at the end of a command.
      await element.sendKeys(Key.chord(Key.CONTROL, "a"));
      await element.sendKeys(text);
    });
  }

  /** Chooses the option with this value or these words. */
  selectOption(wanted) {
    return this.use(async (element) => {
      for (const option of await element.findElements(By.css("option"))) {
        if ([await option.getDomAttribute("value"), await option.getText()].includes(wanted)) return option.click();
      }
      throw new error.NoSuchElementError(`no option ${wanted}`);
    });
  }

  /** Picks files by their paths. The input may be one that is not seen. */
  setInputFiles(files) {
    return this.act((element) => element.sendKeys([files].flat().join("\n")));
  }

  evaluate(work, argument) {
    return this.act((element) => this.driver.executeScript(`return (${work})(arguments[0], arguments[1])`, element, argument));
  }

  textContent() {
    return this.evaluate((element) => element.textContent);
  }

  getAttribute(name) {
    return this.act((element) => element.getDomAttribute(name));
  }

  /** Of all that are there now, perhaps none. */
  allTextContents() {
    const all = "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)";
    return this.driver.executeScript(all, this.css);
  }

  async isVisible() {
    const [element] = await this.all();
    return element !== undefined && (await element.isDisplayed());
  }
}
