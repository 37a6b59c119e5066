"""The ledger: every contact is written down before it is made, and the switch "offline" lets none happen."""

import threading
from dataclasses import replace

import pytest

from studio.domain.errors import Offline
from studio.domain.settings import Settings
from studio.packs.ledger import Contact


def test_a_host_is_listed_once_for_each_reason_the_latest_first(ledger):
    first = ledger.contact("hub.example", "to install one")
    second = ledger.contact("hub.example", "to install one")
    ledger.contact("files.example", "to install two")
    ledger.received(first, 10)
    ledger.received(second, 32)
    contacts = ledger.contacts()
    assert [(one.host, one.why, one.times, one.bytes) for one in contacts] == [
        ("files.example", "to install two", 1, 0),
        ("hub.example", "to install one", 2, 42),
    ]
    assert contacts[1].first <= contacts[1].last and replace(contacts[1], times=1) != contacts[1]
    assert isinstance(contacts[0], Contact)


def test_offline_nothing_is_contacted_and_nothing_written(ledger, switch):
    switch["offline"] = True
    with pytest.raises(Offline, match=r"offline by your own choice.*to install one.*Shelf page, under Connections"):
        ledger.contact("hub.example", "to install one")
    assert ledger.contacts() == []
    switch["offline"] = False
    assert ledger.contact("hub.example", "to install one") > 0


def test_the_switch_is_off_at_first_and_survives(database):
    assert Settings().offline is False
    database.keep("settings", "settings", {"offline": True})
    assert Settings.from_stored(database.load("settings", "settings")).offline is True


def test_a_thread_that_ends_leaves_no_connection_behind(ledger, database):
    def ask() -> None:
        ledger.contact("hub.example", "to install one")
        ledger.release()
        ledger.release()  # twice does no harm

    before = len(database._connections)
    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database._connections) == before
    assert ledger.contacts()[0].times == 5
