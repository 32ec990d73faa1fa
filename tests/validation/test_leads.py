from validation.leads import check_leads


def test_simulated_leads_obey_their_laws():
    assert all(check.passed for check in check_leads(3))
