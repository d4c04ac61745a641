#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the checks ask about C sources that no compiler answers.

It reads C as the kernel writes it (formatted, a function's braces in the first
column) and must not be taken for a parser of all of C. Each command prints one
line per complaint and exits with 1 if there is any:

  layout HEADER LAYOUT      LAYOUT names all that HEADER defines, without holes
  names HEADER DOC... -- TEST...
                            all that HEADER defines is documented and tested;
                            of a header among TEST only what a test calls counts
  calls HEADER TEST...      print the functions of HEADER that the tests call
  documented FILE...        structs and functions of headers have kernel-doc
  length NOTE LIMIT FILE... functions longer than LIMIT lines are complaints,
                            those longer than NOTE only a remark
  uses HEADER               print C that expands each macro of HEADER once
"""
import re
import sys
from pathlib import Path

COMMENT_OR_LITERAL = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text, strings=True):
    """The text with comments blanked, and literals emptied unless strings."""
    def blank(match):
        piece = match.group()
        if piece.startswith("/"):
            return " " + "\n" * piece.count("\n")
        return piece if strings else piece[0] * 2

    return COMMENT_OR_LITERAL.sub(blank, text)


def without_preprocessor(code):
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", code, flags=re.M)


def blocks(code, keyword):
    """(name, body) of each "keyword name { body }"."""
    for match in re.finditer(rf"\b{keyword}\s+(\w+)\s*\{{", code):
        depth, end = 1, match.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        yield match.group(1), code[match.end():end - 1]


def macros(code, parameters=""):
    """The macros that have a value; include guards have none."""
    return re.findall(
        rf"^[ \t]*#[ \t]*define[ \t]+(\w+){parameters}[ \t]+\S", code, re.M)


def constants(code):
    """The enumerators, also of enums without a name."""
    found = []
    for body in re.findall(r"\benum\b[^{};]*\{([^}]*)\}", code):
        found += re.findall(r"(?:^|,)\s*(\w+)", body)
    return found


def members(body):
    return re.findall(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?=[;,])", body)


def defined_by(header):
    code = code_of(Path(header).read_text())
    names = macros(code) + constants(code)
    return names, list(blocks(code, "struct"))


def layout(header, table):
    rows = code_of(Path(table).read_text())
    names, structs = defined_by(header)
    sizes = dict(re.findall(r"^SIZE\((\w+), (\d+)\);", rows, re.M))
    pinned = set(re.findall(r"^(?:VALUE|STRING|IOCTL|IOCTL_BARE)\((\w+),",
                            rows, re.M))
    places = {}
    for record, member, offset, size in re.findall(
            r"^MEMBER\((\w+), (\w+), (\d+), (\d+)\);", rows, re.M):
        places.setdefault(record, {})[member] = (int(offset), int(size))

    for name in names:
        if name not in pinned:
            yield f"{table}: {name} of {header} has no line"
    for record, body in structs:
        listed = places.get(record, {})
        if record not in sizes:
            yield f"{table}: struct {record} of {header} has no SIZE line"
            continue
        for member in members(body):
            if member not in listed:
                yield f"{table}: {record}.{member} of {header} has no line"
        end = 0
        for member, (offset, size) in sorted(listed.items(),
                                             key=lambda item: item[1]):
            if offset > end:
                yield f"{header}: a hole before {record}.{member}"
            end = max(end, offset + size)
        if end != int(sizes[record]):
            yield f"{header}: a hole at the end of struct {record}"


def functions_defined(code):
    """(name, text) of each function, its parameters included."""
    return re.findall(r"^\w[^\n;{}]*?\b(\w+)(\([^;{}]*\)\n\{\n.*?^\})",
                      code, re.M | re.S)


def code_run_by(tests):
    """The code of the tests and of what they call of the headers among them."""
    codes = {f: code_of(Path(f).read_text(), strings=False) for f in tests}
    run = "\n".join(code for f, code in codes.items() if f.endswith(".c"))
    waiting = [function for f, code in codes.items() if f.endswith(".h")
               for function in functions_defined(code)]
    while True:
        called = [function for function in waiting
                  if re.search(rf"\b{function[0]}\b", run)]
        if not called:
            return run
        waiting = [function for function in waiting if function not in called]
        run += "\n".join(text for _, text in called)


def names(header, *files):
    split = files.index("--")
    docs, tests = files[:split], files[split + 1:]
    documented = "\n".join(Path(f).read_text() for f in docs)
    tested = code_run_by(tests)
    plain, structs = defined_by(header)
    plain += macros(code_of(Path(header).read_text()), r"\([^)]*\)")
    wanted = [(name, name) for name in plain]
    wanted += [(f"struct {name}", rf"struct\s+{name}") for name, _ in structs]
    for text, where in ((documented, "Documentation/*.rst"),
                        (tested, "what selftests/*_test.c run")):
        missing = [name for name, pattern in wanted
                   if not re.search(rf"\b{pattern}\b", text)]
        if missing:
            yield f"not in {where}: " + ", ".join(missing)


def declarations(code):
    """The declarations of a header that stand outside of all brackets."""
    code = without_preprocessor(code).replace('extern "C" {', "")
    depth, begin = 0, 0
    for place, char in enumerate(code):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(char, 0)
        if depth == 0 and char == ";":
            yield code[begin:place]
        if depth == 0 and char in ";}":
            begin = place + 1


def functions_declared(code):
    for text in declarations(code):
        if re.match(r"\s*(static|typedef)\b", text) or "{" in text:
            continue
        for match in re.finditer(r"\b(\w+)\s*\(", text):
            if match.group(1).startswith("__"):
                continue
            # Without a type before it, it is a macro such as TRACE_EVENT().
            if text[:match.start()].strip():
                yield match.group(1)
            break


def calls(header, *tests):
    run = code_run_by(tests)
    for name in sorted(functions_declared(code_of(Path(header).read_text()))):
        if re.search(rf"\b{name}\s*\(", run):
            print(name)
    return ()


def documented(*files):
    texts = {f: Path(f).read_text() for f in files}
    described = set()
    for text in texts.values():
        described |= set(re.findall(
            r"/\*\*\n \* ((?:struct |union |enum )?\w+)(?:\(\))?\s+-", text))
    for file, text in texts.items():
        if not file.endswith(".h"):
            continue
        code = code_of(text)
        for name, _ in blocks(without_preprocessor(code), "struct"):
            if f"struct {name}" not in described:
                yield f"{file}: struct {name} has no kernel-doc comment"
        for name in functions_declared(code):
            if name not in described:
                yield f"{file}: {name}() has no kernel-doc comment"


def length(note, limit, *files):
    for file in files:
        lines = code_of(Path(file).read_text()).split("\n")
        begin = None
        for number, line in enumerate(lines):
            if line == "{":
                begin = number
                while begin and lines[begin - 1].strip():
                    begin -= 1
            elif line == "}" and begin is not None:
                head = re.search(r"(\w+)\s*\(", " ".join(lines[begin:number]))
                size = number - begin + 1
                text = f"{file}:{begin + 1}: {head.group(1) if head else '?'}() has {size} lines"
                if size > int(limit):
                    yield f"{text}, more than {limit}"
                elif size > int(note):
                    print(f"{text} (noted above {note})")
                begin = None


def uses(header):
    for number, name in enumerate(defined_by(header)[0]):
        print(f"extern char use_{number}[sizeof({name})];")
    return ()


def main():
    commands = {f.__name__: f for f in (layout, names, calls, documented, length, uses)}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    complaints = list(commands[sys.argv[1]](*sys.argv[2:]))
    for line in complaints:
        print(line)
    sys.exit(1 if complaints else 0)


main()
