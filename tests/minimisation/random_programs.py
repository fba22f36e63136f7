"""Random programs in the supported part of Python, the same for the same seed."""

import random
from textwrap import indent

DIVISORS = ["2", "3", "7", "-2", "-3", "-5"]


class Generator:
    """Writes one module: a helper function or two, and a program over two or three small inputs."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.helpers = []
        self.loops = 0

    def module(self):
        """(text, domains) of a program named ``entry``."""
        kinds = [self.random.choice(["int", "int", "bool"]) for _ in range(self.random.randint(1, 3))]
        inputs = [f"{kind[0]}{i}" for i, kind in enumerate(kinds)]
        domains = {
            name: bool if kind == "bool" else range(low := self.random.randint(-6, 2), low + self.random.randint(2, 9))
            for name, kind in zip(inputs, kinds, strict=True)
        }
        parts = [self.helper(i) for i in range(self.random.randint(0, 2))]
        body = self.block(list(inputs), depth=2, statements=self.random.randint(3, 6), result=True)
        if self.random.random() < 0.25:
            body = f"assert {self.condition(inputs)}\n{body}"
        parts.append(f"def entry({', '.join(inputs)}):\n{indent(body, '    ')}")
        return "\n\n\n".join(parts) + "\n", domains

    def helper(self, i):
        names = ["p", "q"][: self.random.randint(1, 2)]
        body = self.block(list(names), depth=1, statements=1, result=True, kinds=("number",))
        self.helpers.append((f"helper{i}", len(names)))
        return f"def helper{i}({', '.join(names)}):\n{indent(body, '    ')}"

    # Statements

    def block(self, names, depth, statements, result=False, kinds=("number", "number", "any")):
        lines = [self.statement(names, depth, result, kinds) for _ in range(statements)]
        # A program may fall off its end; a helper's result is reckoned with.
        if result and (kinds == ("number",) or self.random.random() < 0.9):
            lines.append(f"return {self.result(names, kinds)}")
        return "\n".join(lines)

    def statement(self, names, depth, result, kinds):
        forms = ["assign", "assign", "augment", "swap"]
        forms += ["if", "if", "if", "for", "while"] if depth > 0 else []
        form = self.random.choice(forms)
        if form == "assign":
            value = self.expression(names, 2)
            line = f"{self.variable(names)} = {value}"
        elif form == "augment":
            name, value = self.random.choice(names), self.expression(names, 1)
            line = f"{name} {self.random.choice([f'+= {value}', f'-= {value}', '*= -2', '//= -3', '%= 5'])}"
        elif form == "swap":
            a, b = self.random.choice(names), self.random.choice(names)
            line = f"{a}, {b} = {self.expression(names, 1)}, {self.expression(names, 1)}"
        else:
            line = getattr(self, f"{form}_statement")(names, depth, result, kinds)
        return line

    def variable(self, names):
        """A variable to assign: an old one, or one more for the statements to come."""
        if self.random.random() < 0.5:
            names.append(f"x{len(names)}")
            return names[-1]
        return self.random.choice(names)

    def if_statement(self, names, depth, result, kinds):
        def branch():
            body = self.block(list(names), depth - 1, self.random.randint(1, 2))
            if result and self.random.random() < 0.35:
                body += f"\nreturn {self.result(names, kinds)}"
            return indent(body, "    ")

        text = f"if {self.condition(names)}:\n{branch()}"
        for _ in range(self.random.choice([0, 0, 1])):
            text += f"\nelif {self.condition(names)}:\n{branch()}"
        return text + (f"\nelse:\n{branch()}" if self.random.random() < 0.6 else "")

    def for_statement(self, names, depth, result, kinds):
        self.loops += 1
        name, inner = f"k{self.loops}", list(names)
        bound = f"{self.expression(names, 1)} % {self.random.randint(2, 4)}"
        head = self.random.choice([bound, f"1, {bound}", f"{bound}, -1, -1", f"0, {bound}, 2"])
        body = self.block([*inner, name], 0, 1) + self.jump(inner, result, kinds)
        return f"for {name} in range({head}):\n{indent(body, '    ')}"

    def while_statement(self, names, depth, result, kinds):
        self.loops += 1
        name, inner = f"n{self.loops}", list(names)
        body = f"{name} -= 1\n" + self.block(inner, 0, 1) + self.jump(inner, result, kinds)
        return f"{name} = {self.expression(names, 1)} % 4\nwhile {name} > 0:\n{indent(body, '    ')}"

    def jump(self, names, result, kinds):
        if self.random.random() < 0.6:
            return ""
        jump = self.random.choice(["break", "continue", f"return {self.result(names, kinds)}" if result else "break"])
        return f"\nif {self.condition(names)}:\n    {jump}\n{self.random.choice(names)} += 1"

    def result(self, names, kinds):
        if self.random.choice(kinds) == "number":
            return self.random.choice([self.expression(names, 2), self.condition(names)])
        return self.random.choice(
            ["None", "'low'", "'high'", f"({self.expression(names, 1)}, {self.condition(names)})", f"('x', {names[0]})"]
        )

    # Expressions

    def divisor(self, name):
        return self.random.choice([f"(abs({name}) + 1)", f"-(abs({name}) + 1)", f"(2 * {name} + 1)"])

    def condition(self, names):
        a, b, c = (self.expression(names, 1) for _ in range(3))
        signs = ["<", "<=", ">", ">=", "==", "!="]
        first, second = self.random.choice(signs), self.random.choice(signs)
        return self.random.choice(
            [
                f"{a} {first} {b}",
                f"{a} {first} {b}",
                f"{a} {first} {b} {second} {c}",
                f"{a} {first} {b} and {b} {second} {c}",
                f"{a} {first} {b} or not {c}",
                self.random.choice(names),
                f"not ({a} {first} {b})",
            ]
        )

    def expression(self, names, depth):
        if depth == 0:
            name, constant = self.random.choice(names), str(self.random.randint(-4, 6))
            return self.random.choice([name, name, constant])
        a, b, name = self.expression(names, depth - 1), self.expression(names, depth - 1), self.random.choice(names)
        forms = [
            f"({a} + {b})",
            f"({a} - {b})",
            f"{self.random.randint(-3, 3)} * {a}",
            f"{a} // {self.random.choice(DIVISORS)}" if not a.startswith("-") else f"({a}) // 3",
            f"({a}) % {self.random.choice(DIVISORS)}",
            f"({a}) {self.random.choice(['//', '%'])} {self.divisor(name)}",
            f"{name} * {name}" if depth == 1 else f"{a} - 1",
            f"min({a}, {b})",
            f"max({a}, {b}, 1)",
            f"abs({a})",
            f"({a} if {name} else {b})",
            f"({a} and {b})",
            f"({a} or {b})",
            f"-({a})",
            f"({a} > {b})",
        ]
        forms += [f"{helper}({', '.join([a, b][:n])})" for helper, n in self.helpers] * 2
        return self.random.choice(forms)


def random_program(seed):
    """(text of a module, domains) of the program ``entry``.

    >>> random_program(3) == random_program(3)
    True
    """
    return Generator(seed).module()
