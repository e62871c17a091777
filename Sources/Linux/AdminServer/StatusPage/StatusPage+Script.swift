// The page's script: a constant, so that no displayed text can become part of it. What comes from clusters is
// set as text, never as markup.

extension StatusPage {
    /// Replaces what has changed, opens what a click leads to, and searches for names.
    static let script = refreshScript + reasonScript + searchScript

    /// Fetches the page again while it is visible. A part in which text is selected waits; the others keep
    /// what is open and what has the focus. If the server does not answer, the old picture stays.
    private static let refreshScript = """
        const shown = new Map();
        for (const part of document.querySelectorAll('[data-live]')) shown.set(part.id, part.innerHTML);
        function replacePart(old, fresh) {
          const open = [...old.querySelectorAll('details[open]')].map((part) => part.id);
          const focus = old.contains(document.activeElement) ? document.activeElement : null;
          const path = focus && (focus.id ? '#' + focus.id : focus.getAttribute('href'));
          const drawing = focus && focus.closest('svg') && focus.closest('svg').getAttribute('class');
          old.innerHTML = fresh.innerHTML;
          for (const id of open) { const part = document.getElementById(id); if (part) part.open = true; }
          if (!path) return;
          // The drawing may be gone, or another one be shown.
          const scope = (drawing && old.querySelector('svg[class="' + drawing + '"]')) || old;
          const again = focus.id ? document.getElementById(focus.id)
            : [...scope.querySelectorAll('a')].find((link) => link.getAttribute('href') === path);
          if (again) again.focus({ preventScroll: true });
        }
        setInterval(async () => {
          if (document.hidden) return;
          try {
            const answer = await fetch('/', { cache: 'no-store' });
            if (!answer.ok) throw new Error(answer.status);
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const chosen = getSelection();
            for (const fresh of page.querySelectorAll('[data-live]')) {
              const old = document.getElementById(fresh.id);
              if (!old || shown.get(fresh.id) === fresh.innerHTML) continue;
              const ends = [chosen.anchorNode, chosen.focusNode];
              if (!chosen.isCollapsed && ends.some((end) => old.contains(end))) continue;
              shown.set(fresh.id, fresh.innerHTML);
              replacePart(old, fresh);
            }
            document.title = page.title;
            document.body.classList.remove('lost');
          } catch (error) {
            document.body.classList.add('lost');
          }
        }, 5000);

        """

    /// A click on a box or a cluster opens what is known of it.
    private static let reasonScript = """
        function openReason() {
          const part = location.hash.startsWith('#why-') && document.getElementById(location.hash.slice(1));
          if (!part) return;
          part.open = true;
          part.querySelector('summary').focus();
          part.scrollIntoView({ block: 'nearest' });
        }
        addEventListener('hashchange', openReason);
        document.addEventListener('click', (event) => {
          const link = event.target.closest('a[href^="#why-"]');
          if (link && link.getAttribute('href') === location.hash) openReason();
        });
        openReason();

        """

    /// Asks for names while they are typed: after a pause, and only the last question counts.
    private static let searchScript = """
        const search = document.getElementById('search');
        const field = document.getElementById('find');
        const found = document.getElementById('found');
        const results = document.getElementById('results');
        let pause = 0;
        let question = null;
        async function copy(code, button) {
          try {
            await navigator.clipboard.writeText(code.textContent);
          } catch (error) {
            // Browsers have it for pages of this machine and of HTTPS alone.
            getSelection().selectAllChildren(code);
            document.execCommand('copy');
          }
          button.textContent = 'Copied';
          setTimeout(() => { button.textContent = 'Copy'; }, 1500);
        }
        function item(name) {
          const row = document.createElement('li');
          const code = document.createElement('code');
          code.textContent = name.name;
          const facts = document.createElement('small');
          const path = name.path ? ', path ' + name.path : '';
          facts.textContent = [name.cluster, name.address].filter((text) => text).join(', ') + path;
          const button = document.createElement('button');
          button.type = 'button';
          button.textContent = 'Copy';
          button.setAttribute('aria-label', 'Copy ' + name.name);
          button.addEventListener('click', () => copy(code, button));
          row.append(code, facts, button);
          return row;
        }
        async function find() {
          const text = field.value.trim();
          if (question) question.abort();
          if (!text) { results.replaceChildren(); found.textContent = ''; return; }
          question = new AbortController();
          try {
            const answer = await fetch('/names.json?limit=50&find=' + encodeURIComponent(text),
              { cache: 'no-store', signal: question.signal });
            if (!answer.ok) throw new Error('the server has no answer (' + answer.status + ')');
            const names = await answer.json();
            results.replaceChildren(...names.names.map(item));
            if (!names.allowed) found.textContent = names.reason || 'This client may not see names.';
            else if (names.total === 0) found.textContent = 'No known name matches.';
            else found.textContent = names.total === 1 ? '1 name' : names.total + ' names'
              + (names.total > names.names.length ? ', the first ' + names.names.length : '');
          } catch (error) {
            if (error.name === 'AbortError') return;
            results.replaceChildren();
            found.textContent = 'Not found out: ' + error.message;
          }
        }
        search.hidden = false;
        field.addEventListener('input', () => { clearTimeout(pause); pause = setTimeout(find, 200); });
        document.getElementById('search-form').addEventListener('submit', (event) => {
          event.preventDefault();
          clearTimeout(pause);
          find();
        });
        addEventListener('keydown', (event) => {
          const typing = /^(input|textarea|select)$/i.test(event.target.tagName || '');
          if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            field.focus();
          } else if (event.key === 'Escape' && event.target === field) {
            field.value = '';
            find();
          }
        });
        """
}
