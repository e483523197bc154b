import pytest

from local.demo.truth import TruePlate, TruthFault, fold, folded_share, read_truth

HEAD = "file,x,y,w,h,plate\n"


def plates(*texts):
    return [TruePlate(text, (0, 0, 10, 5)) for text in texts]


def test_folding_makes_look_alikes_one_and_drops_separators():
    assert fold("oq-I 1ab") == "0011AB"


def test_a_truth_file_gives_all_plates_of_a_picture(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(HEAD + "a.jpg,1,2,30,15,7ABC123\na.jpg,5.6,2,30,15,XYZ1\nb.jpg,1,2,30,15,B1\n")
    truth = read_truth(path)
    assert [t.plate for t in truth["a.jpg"]] == ["7ABC123", "XYZ1"]
    assert truth["a.jpg"][1].box == (6, 2, 30, 15)
    assert set(truth) == {"a.jpg", "b.jpg"}


def test_a_truth_file_may_name_states(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(HEAD.strip() + ",state\na.jpg,1,2,30,15,7ABC123,CA\nb.jpg,1,2,30,15,B1\n")
    assert [plates[0].state for plates in read_truth(path).values()] == ["CA", None]


def test_a_truth_file_without_a_column_names_it(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("file,x,y,w,plate\na.jpg,1,2,3,AB1\n")
    with pytest.raises(TruthFault, match="no column h"):
        read_truth(path)


@pytest.mark.parametrize(
    "row", ["a.jpg,x,2,3,4,AB1", "a.jpg,1,2", "a.jpg,inf,2,3,4,AB1", "a.jpg,nan,2,3,4,AB1"]
)
def test_a_truth_file_with_a_bad_box_names_the_line(tmp_path, row):
    path = tmp_path / "truth.csv"
    path.write_text(HEAD + "ok.jpg,1,2,3,4,AB1\n" + row + "\n")
    with pytest.raises(TruthFault, match="line 3"):
        read_truth(path)


def test_a_plate_over_twelve_characters_is_reported_with_its_line(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(HEAD + "a.jpg,1,2,3,4,AB12 AB12 AB12 A\n")
    with pytest.raises(TruthFault, match="line 2: plate: more than 12"):
        read_truth(path)


def test_an_unreadable_plate_is_left_out(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(HEAD + "a.jpg,1,2,3,4,\na.jpg,1,2,3,4, -\na.jpg,1,2,3,4\na.jpg,1,2,3,4,AB1\n")
    assert [true.plate for true in read_truth(path)["a.jpg"]] == ["AB1"]


def test_a_truth_file_from_a_spreadsheet_is_read_with_its_mark_line_ends_and_columns(tmp_path):
    path = tmp_path / "truth.csv"
    text = 'state,file,x,y,w,h,plate,note\r\nCA,a.jpg,1,2,3,4,AB1,"a, b"\r\n\r\n,b c.jpg,1,2,3,4,é,x\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert set(read_truth(path)) == {"a.jpg"}


@pytest.mark.parametrize("content", [b"file,x,y,w,h,plate\n\xff\xfe", b"\xff\xfef\0i\0l\0e\0"])
def test_a_truth_file_that_is_no_text_is_named(tmp_path, content):
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    with pytest.raises(TruthFault, match="is no CSV in UTF-8"):
        read_truth(path)


def test_the_folded_share_counts_every_true_plate_once():
    share = folded_share(
        [
            (plates("OIL123", "ABC999"), ["01L123", "ABC998"]),
            (plates("TWO2"), ["NOISE", "TWO2"]),
            (plates("A1", "A1"), ["A1"]),
        ]
    )
    assert share == pytest.approx(3 / 5)


def test_there_is_no_share_where_there_is_no_truth():
    assert folded_share([([], ["ABC123"])]) is None
    assert folded_share([]) is None
