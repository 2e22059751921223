"""The tools the simulated agent calls, with arguments and results that fit the conversation."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from everyturn.demo.phrases import Slots, pick


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call and its result, both as JSON text."""

    call_id: str
    name: str
    arguments: str
    result: str


def use(intent: str, topic: str, slots: Slots, rng: random.Random) -> list[ToolUse]:
    """The calls behind one answer; empty if the subject needs no tool."""
    calls = _CALLS.get(intent)
    if calls is None:
        return []
    return [
        ToolUse(f"call_{rng.getrandbits(96):024x}", name, json.dumps(arguments), json.dumps(result))
        for name, arguments, result in calls(topic, slots)
    ]


def _order(slots: Slots) -> tuple[str, Any, Any]:
    order = {"order_id": slots["order"]}
    state = pick(("paid", "fulfilled", "fulfilled", "partially_fulfilled"), slots.draw)
    return "lookup_order", order, order | {"status": state, "total": slots["amount"], "placed": slots["date"]}


def _refund(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    calls = [_order(slots)]
    if topic in ("full", "partial"):
        amount = slots["amount" if topic == "full" else "amount2"]
        calls.append(("issue_refund", {"order_id": slots["order"], "amount": amount}, {"ok": True}))
    return calls


def _shipping(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    state = "delivered" if topic == "delivered" else "customs" if topic == "customs" else "in_transit"
    result = {"carrier": slots["carrier"], "tracking": slots["tracking"], "status": state, "last_scan": slots["city"]}
    return [("track_shipment", {"order_id": slots["order"]}, result)]


def _password(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    name = "unlock_login" if topic == "locked" else "send_reset_link"
    return [(name, {"email": slots["email"]}, {"ok": True})]


def _account(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    return [("get_account", {"field": topic}, {"editable": True, "plan": slots["plan"]})]


def _help(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    articles = [f"help/{slots.number(100, 480)}", f"help/{slots.number(100, 480)}"]
    return [("search_help", {"query": topic, "top_k": 2}, {"articles": articles})]


def _billing(_topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    if slots.draw() < 0.5:
        return _help("reading your invoice", slots)
    return [("get_plan", {}, {"plan": slots["plan"], "status": "active"})]


def _discount(_topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    return [("get_discounts", {"code": slots["code"]}, {"code": slots["code"], "percent": int(slots["pct"])})]


def _inventory(_topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    return [("check_stock", {"sku": slots["sku"]}, {"sku": slots["sku"], "on_hand": int(slots["qty"])})]


def _tax(topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    return [_order(slots)] if topic in ("invoice", "send", "credit") else _help(f"VAT {topic}", slots)


def _product(_topic: str, slots: Slots) -> list[tuple[str, Any, Any]]:
    if slots.draw() < 0.6:
        return []
    return [("get_product", {"query": slots["product"]}, {"title": slots["product"], "price": slots["amount"]})]


_CALLS = {
    "refund": _refund,
    "shipping": _shipping,
    "password": _password,
    "account": _account,
    "returns": _help,
    "integration": _help,
    "billing": _billing,
    "discount": _discount,
    "inventory": _inventory,
    "tax": _tax,
    "reply": _product,
    "description": _product,
}
