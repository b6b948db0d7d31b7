"""Where the data come from: a bundled sample or the visitor's own file, kept under the hash of its content."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dnis.datasets import SAMPLES
from dnis.files import disk_fault
from dnis.settings import DataSpec
from dnis.ui import environment, escape, later, store, texts

SAMPLE, UPLOAD = "sample", "upload"

_KEPT = "_upload"

TO_TRY = store.SAMPLES_FOLDER / "try"
"""Small files that show what an upload looks like, one of them with faults."""


def choose(used: DataSpec) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Ask where the data come from.

    Args:
        used: The data in use, which is what the widgets start with.

    Returns:
        Source of the data, None where no file is chosen yet, and the (role, column) pairs that a sample was given.
    """
    words = texts.page("data")
    own = not used.source.startswith("sample:")
    kind = st.radio(
        words["source"], [SAMPLE, UPLOAD], index=int(own), key="data_kind", horizontal=True,
        format_func=words.__getitem__, persist_state="session",
    )  # fmt: skip
    if kind == UPLOAD:
        return _uploaded(words, used.source if own else None), ()
    return _sampled(words, used)


def show(used: DataSpec) -> None:
    """Let the widgets stand at data that were put to use elsewhere, such as those of a run.

    Args:
        used: The data.
    """
    own = not used.source.startswith("sample:")
    st.session_state["data_split_seed"] = used.seed
    st.session_state[f"data_core_{used.source}"] = used.core
    for key in [key for key in st.session_state if str(key).startswith(f"data_strategy_{used.source}_")]:
        del st.session_state[key]  # its default follows the data in use
    st.session_state["data_kind"] = UPLOAD if own else SAMPLE
    if own:
        if st.session_state.get(_KEPT, ("",))[0] != used.source:
            st.session_state[_KEPT] = (used.source, "")
        return
    name = used.source.removeprefix("sample:")
    about = texts.page("data")["samples"].get(name)
    if about is not None:
        st.session_state["data_sample"] = name
        if about["extra"]:
            extra = [column for role, column in used.columns if role == "feature" and column in about["extra"]]
            st.session_state[f"data_extra_{name}"] = extra


def _sampled(words: dict, used: DataSpec) -> tuple[str, tuple[tuple[str, str], ...]]:
    about = words["samples"]
    names = [name for name in SAMPLES if name in about]
    now = used.source.removeprefix("sample:")
    name = st.selectbox(
        words["which_sample"], names, index=names.index(now) if now in names else 0, key="data_sample",
        format_func=lambda n: about[n]["name"], persist_state="session",
    )  # fmt: skip
    st.caption(about[name]["about"])
    extra = about[name]["extra"]
    if not extra:
        return f"sample:{name}", ()
    start = [column for role, column in used.columns if name == now and role == "feature" and column in extra]
    chosen = st.multiselect(
        words["extra"],
        extra,
        default=start,
        key=f"data_extra_{name}",
        help=words["extra_help"],
        persist_state="session",
    )
    return f"sample:{name}", tuple(("feature", column) for column in chosen)


def _uploaded(words: dict, current: str | None) -> str | None:
    most = environment.read().max_upload_bytes
    file = st.file_uploader(
        words["file"].format(limit=most // 1_000_000), type=["csv", "tsv", "gz", "parquet"], key="data_file",
        max_upload_size=most // 1_000_000, help=words["file_help"], on_change=later.overhear,
    )  # fmt: skip
    if file is not None:
        if file.size > most:
            st.error(
                words["too_large"].format(size=f"{file.size / 1e6:.1f}", limit=most // 1_000_000),
                icon=":material/error:",
            )
            return None
        try:
            source = store.keep_upload(file.name, file.getvalue())
        except OSError as error:
            st.error(disk_fault(error) or words["not_kept"], icon=":material/error:")
            return None
        st.session_state[_KEPT] = (source, file.name)
        return source
    source, name = st.session_state.get(_KEPT, (current, ""))
    if source is not None and Path(source).is_file():
        st.caption(words["kept_file"].format(name=escape.markdown(name or Path(source).name)))
        return source
    st.info(words["no_file"], icon=":material/upload_file:")
    _to_try(words)
    st.code(words["example"].strip(), language=None, wrap_lines=True)
    return None


def _to_try(words: dict) -> None:
    st.caption(words["to_try"])
    with st.container(horizontal=True):
        for name, about in words["try"].items():
            st.button(
                about["name"], key=f"try_{name}", help=about["about"], icon=":material/draft:", on_click=_take,
                args=(about["file"],),
            )  # fmt: skip


def _take(name: str) -> None:
    st.session_state[_KEPT] = (store.keep_upload(name, (TO_TRY / name).read_bytes()), name)
