"""What holds for the code as a whole: types, style, who imports whom, what may be committed, what is documented."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    "manage.py",
    "sorae",
    "integrations",
    "klaviyo",
    "referrals",
    "templates",
    "tests",
    "pyproject.toml",
    "docker-compose.yml",
    "README.md",
    "Makefile",
    "requirements.lock",
    "requirements-test.lock",
    ".env.example",
    ".ci",
    ".github",
    ".gitignore",
    ".gitattributes",
    ".dockerignore",
}

NAMES_FOR_NOTHING = re.compile(r"(utils?|helpers?|services?|base|common|constants?|misc|managers?)\.py")

# Written so that they do not match themselves.
FORBIDDEN = {
    "a package registry": r"python[h]osted|p[y]pi\.org|registry\.[n]pmjs|deb\.[d]ebian\.org",
    "a folder of one machine": r"(?<![\w.])/(?:[w]ork|[f]arm|[h]ome|[U]sers|[r]oot)/\w|/tmp/[p]lan|\.\./[s]hared",
    "a private key": r"-----[B]EGIN [A-Z ]*PRIVATE KEY",
    "a Klaviyo private key": r"\b[p]k_[0-9a-f]{30,}",
    "an access token": r"\b[e]yJ[\w-]{20,}\.[\w-]{20,}",
    "a layout of its own": r"# [f]mt: ",
}

PRODUCTION = {
    "SECRET_KEY": "correct-horse-battery-staple-" * 3,
    "ENCRYPTION_KEYS": "2026-11:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
    "SITE_URL": "https://referrals.example.com",
    "KLAVIYO_CLIENT_ID": "0123-4567",
    "KLAVIYO_CLIENT_SECRET": "kept-in-a-file",
    "BEHIND_TLS_PROXY": "1",
}


def committed() -> list[Path]:
    """The files that are in the repository, or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in sorted(set(listed.stdout.splitlines())) if (ROOT / name).is_file()]


def run(*words: str, env: dict[str, str] | None = None) -> str:
    """The output of a Python tool; the test fails with it when the tool does."""
    environment = None if env is None else {"PATH": os.environ["PATH"], **env}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_types_are_complete() -> None:
    run("-m", "mypy")


def test_the_linter_has_nothing_to_say() -> None:
    run("-m", "ruff", "check")


def test_the_code_is_formatted() -> None:
    run("-m", "ruff", "format", "--check")


def test_nobody_imports_whom_they_must_not() -> None:
    run("-c", "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())")


def test_every_change_of_a_model_has_its_migration() -> None:
    run("manage.py", "makemigrations", "--check", "--dry-run", env={**PRODUCTION, "DATABASE_URL": "sqlite://:memory:"})


def test_a_documented_production_environment_passes_the_deployment_check(tmp_path: Path) -> None:
    said = run("manage.py", "check", "--deploy", "--fail-level", "INFO", env={**PRODUCTION, "VAR_DIR": str(tmp_path)})
    assert "no issues (2 silenced)" in said  # the two about hosts that are not ours


def test_modules_are_named_for_their_subject() -> None:
    assert [path for path in committed() if NAMES_FOR_NOTHING.fullmatch(path.name)] == []


def test_each_module_says_what_it_is() -> None:
    modules = [path for path in committed() if path.suffix == ".py" and "migrations" not in path.parts]
    silent = [
        path for path in modules if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_nothing_but_what_a_user_looks_for_is_at_the_top() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in committed()} - TOP_LEVEL == set()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_committed_names(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in committed()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_holds_versions_and_hashes_only(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = re.findall(
        r"^[a-z0-9][\w.\[\],-]*==[^\s;]+(?: ;[^\\\n]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M
    )
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "#"))]
    assert len(packages) == len(lines) > 20
    assert "://" not in text


def test_each_setting_is_documented_and_each_documented_setting_is_read() -> None:
    read = set(re.findall(r'configuration\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', (ROOT / "sorae/settings.py").read_text()))
    read |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text()))
    read |= {"SECRET_KEY"}  # by a function of its own
    documented = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert sorted(documented) == sorted(read)


def test_in_containers_all_that_runs_is_watched_and_nothing_is_root() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"setup", "web", "worker", "beat", "postgres", "redis"}
    for name, service in services.items():
        assert "healthcheck" in service or name == "setup", name
        runs_as = service.get("user") or re.findall(r"^USER (\w+)$", service["build"]["dockerfile_inline"], re.M)[-1]
        assert runs_as != "root", name


def test_containers_have_no_secret_of_their_own() -> None:
    """An .env from before Redis had a password does as well: it names another one, which nothing starts without."""
    text = (ROOT / "docker-compose.yml").read_text().replace("${REDIS_PASSWORD:-${POSTGRES_PASSWORD}}", "")
    named = re.findall(r"\$\{(\w+)(:?\W)", text)
    assert {name for name, rest in named if rest != ":?"} == {"ALLOWED_HOSTS"}
    assert "POSTGRES_PASSWORD" in dict(named)
